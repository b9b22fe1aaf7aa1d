-- name: table_at
-- A table at a snapshot, and where its files lie.
SELECT t.table_id, s.path, s.path_is_relative, t.path, t.path_is_relative
FROM ducklake_table AS t
JOIN ducklake_schema AS s
    ON s.schema_id = t.schema_id
    AND s.begin_snapshot <= %(snapshot)s
    AND (s.end_snapshot IS NULL OR s.end_snapshot > %(snapshot)s)
WHERE
    lower(s.schema_name) = %(schema)s
    AND lower(t.table_name) = %(name)s
    AND t.begin_snapshot <= %(snapshot)s
    AND (t.end_snapshot IS NULL OR t.end_snapshot > %(snapshot)s);

-- name: columns_at
-- The columns of a table at a snapshot: the number by which its files have each, and whether rows from before have a value.
SELECT
    c.column_name,
    c.column_id,
    c.initial_default IS NOT NULL
    AND EXISTS (
        SELECT
        FROM ducklake_data_file AS f
        WHERE f.table_id = c.table_id AND f.begin_snapshot < c.begin_snapshot
    ) AS is_filled
FROM ducklake_column AS c
WHERE
    c.table_id = %(table)s
    AND c.parent_column IS NULL
    AND c.begin_snapshot <= %(snapshot)s
    AND (c.end_snapshot IS NULL OR c.end_snapshot > %(snapshot)s);

-- name: data_files_at
-- The files that a table consists of at a snapshot.
SELECT
    f.data_file_id, f.path, f.path_is_relative, f.file_format, f.encryption_key IS NOT NULL AS is_encrypted,
    f.mapping_id IS NOT NULL AS is_mapped, coalesce(f.partial_max, 0) AS newest
FROM ducklake_data_file AS f
WHERE
    f.table_id = %(table)s
    AND f.begin_snapshot <= %(snapshot)s
    AND (f.end_snapshot IS NULL OR f.end_snapshot > %(snapshot)s)
ORDER BY f.data_file_id;

-- name: delete_files_at
-- The files that say which rows of these are gone.
SELECT
    d.data_file_id, d.path, d.path_is_relative, d.format, d.encryption_key IS NOT NULL AS is_encrypted,
    false AS is_mapped, coalesce(d.partial_max, 0) AS newest
FROM ducklake_delete_file AS d
WHERE
    d.table_id = %(table)s
    AND d.begin_snapshot <= %(snapshot)s
    AND (d.end_snapshot IS NULL OR d.end_snapshot > %(snapshot)s)
ORDER BY d.delete_file_id;

-- name: inlined_tables
-- The tables of the catalog that may hold rows of a table, and those that say which rows of its files are gone.
SELECT i.table_name, false AS is_of_deletes
FROM ducklake_inlined_data_tables AS i
WHERE i.table_id = %(table)s
UNION ALL
SELECT c.relname, true
FROM pg_class AS c
WHERE c.relname = 'ducklake_inlined_delete_' || %(table)s::bigint AND pg_table_is_visible(c.oid);

-- name: in_utc
-- For DuckDB: times are those of UTC, as for every reader of ours.
SET TimeZone = 'UTC';

-- name: locked_in
-- For DuckDB: no file and no other database can be reached.
SET enable_external_access = false;

-- name: parse
-- For DuckDB: the tree of a statement.
SELECT json_serialize_sql($1::VARCHAR);

-- name: write_out
-- For DuckDB: the text of a tree.
SELECT json_deserialize_sql($1::JSON);

-- name: smallest
-- For DuckDB: a statement, to put another expression into.
SELECT 1;

-- name: bind
-- For DuckDB: which type a bound value has, and how it is written.
SELECT typeof($1), CAST($1 AS VARCHAR);

-- name: volatile_functions
-- For DuckDB: the functions that may have another value for each row.
SELECT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE';

-- name: aggregate_functions
-- For DuckDB: the functions that make one value of many rows.
SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate';

-- name: zone_of_days
-- For DuckDB: how many seconds a zone is ahead of UTC at each midnight from one day to another, counted from 1970.
SELECT CAST((epoch_us(make_timestamptz(m) AT TIME ZONE $1) - m) // 1000000 AS BIGINT)
FROM (SELECT 86400000000 * unnest(range($2, $3 + 1)) AS m)
ORDER BY m;

-- name: none_gone
-- For Spark: which rows of which files are deleted, where the catalog itself says so of none.
SELECT '' AS file, CAST(-1 AS BIGINT) AS pos;
