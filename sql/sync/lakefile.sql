-- name: snapshot
-- The snapshot that this transaction reads.
SELECT c.id AS id FROM out.current_snapshot() AS c;

-- name: bytes_of
-- The bytes of a table's files, with those that say which of its rows are deleted.
SELECT i.file_size_bytes + i.delete_file_size_bytes AS bytes
FROM ducklake_table_info('out') AS i
JOIN __ducklake_metadata_out.ducklake_schema AS s ON s.schema_id = i.schema_id AND s.end_snapshot IS NULL
WHERE s.schema_name = $schema AND i.table_name = $name;

-- name: strange_tables
-- What a file has of columns that a lake would change, by table.
SELECT DISTINCT c.schema_name AS schema, c.table_name AS name
FROM duckdb_columns() AS c
WHERE c.database_name = 'file' AND NOT c.internal
    AND regexp_matches(c.data_type, 'INTERVAL|TIME WITH TIME ZONE|HUGEINT|FLOAT\[\d+\]|ENUM|BIT|UNION');
