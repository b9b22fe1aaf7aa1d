-- name: snapshot
-- The snapshot that this transaction reads.
SELECT c.id AS id FROM out.current_snapshot() AS c;

-- name: freshness
-- What readers want to know first, as it is to be committed.
SELECT to_json({as_of: strftime(f.as_of AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f+00:00'), run_id: f.run_id})::VARCHAR
    AS freshness
FROM out.neaptide.freshness AS f;

-- name: sign
-- Say it of the snapshot that this transaction's commit makes; a procedure takes no values.
CALL out.set_commit_message('neaptide', 'run', extra_info => $said);

-- name: bytes_of
-- The bytes of a table's files, with those that say which of its rows are deleted.
SELECT i.file_size_bytes + i.delete_file_size_bytes AS bytes
FROM ducklake_table_info('out') AS i
JOIN __ducklake_metadata_out.ducklake_schema AS s ON s.schema_id = i.schema_id AND s.end_snapshot IS NULL
WHERE s.schema_name = $schema AND i.table_name = $name;

-- name: earlier
-- The files that earlier snapshots have, and the newest has not; and those that no snapshot has, which are to go.
SELECT
    (SELECT count(*) FROM __ducklake_metadata_out.ducklake_data_file WHERE end_snapshot IS NOT NULL)
    + (SELECT count(*) FROM __ducklake_metadata_out.ducklake_delete_file WHERE end_snapshot IS NOT NULL) AS files,
    (
        SELECT coalesce(sum(d.file_size_bytes), 0)::BIGINT
        FROM __ducklake_metadata_out.ducklake_data_file AS d WHERE d.end_snapshot IS NOT NULL
    ) + (
        SELECT coalesce(sum(d.file_size_bytes), 0)::BIGINT
        FROM __ducklake_metadata_out.ducklake_delete_file AS d WHERE d.end_snapshot IS NOT NULL
    ) AS bytes,
    (SELECT count(*) FROM __ducklake_metadata_out.ducklake_files_scheduled_for_deletion) AS going;

-- name: changed_columns
-- What a file has of columns that a lake would change.
SELECT c.schema_name AS schema, c.table_name AS name, c.column_name AS column
FROM duckdb_columns() AS c
WHERE c.database_name = 'published' AND NOT c.internal
    AND regexp_matches(c.data_type, 'INTERVAL|TIME WITH TIME ZONE|HUGEINT|FLOAT\[\d+\]|ENUM|BIT|UNION');

-- name: format
-- The format of the file that a lake is made of.
SELECT f.format FROM published.neaptide.file AS f;

-- name: watermarks
-- The tables that this file has a watermark of.
SELECT w.table_name AS name FROM published.neaptide.watermarks AS w;

-- name: expire
-- Forget every snapshot but the newest.
CALL ducklake_expire_snapshots('out', older_than => now());

-- name: rewrite
-- Write the files anew that hold deleted rows.
CALL ducklake_rewrite_data_files('out', delete_threshold => 0);

-- name: clean_up
-- Remove the files that nobody reads any more.
CALL ducklake_cleanup_old_files('out', cleanup_all => true);

-- name: schemas
-- Every schema of the lake but DuckLake's own.
SELECT s.schema_name AS name
FROM duckdb_schemas() AS s
WHERE s.database_name = 'out' AND s.schema_name <> 'main' AND NOT s.internal
ORDER BY s.schema_name;

-- name: own
-- Neaptide's own tables and views.
SELECT 'TABLE' AS kind, t.table_name AS name
FROM duckdb_tables() AS t WHERE t.database_name = 'out' AND t.schema_name = 'neaptide'
UNION ALL
SELECT 'VIEW', v.view_name FROM duckdb_views() AS v WHERE v.database_name = 'out' AND v.schema_name = 'neaptide';

-- name: take_over_sources
-- Whose copy the tables of each named source are.
INSERT INTO out.neaptide.sources BY NAME
FROM published.neaptide.sources;
