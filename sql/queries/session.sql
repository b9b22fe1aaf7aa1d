-- name: enter
-- A name without a database is one of the file's.
USE reporting;

-- name: all_threads
-- As many threads as DuckDB takes by itself.
RESET threads;

-- name: close_off
-- No other file can be reached from now on.
SET enable_external_access = false;

-- name: allow_zone
-- The one setting that a session may have of its own.
SET allowed_configs = ['TimeZone'];

-- name: lock
-- And nothing else may be set.
SET lock_configuration = true;

-- name: in_utc
-- Times come back in UTC, whatever the machine's zone.
SET TimeZone = 'UTC';

-- name: freshness
-- When the file is from, and of which run.
SELECT as_of, run_id FROM neaptide.freshness;

-- name: list_all
-- Every relation of the file, with its columns.
SHOW ALL TABLES;

-- name: names
-- Every table and view of the file.
SELECT 'table' AS kind, schema_name, table_name FROM duckdb_tables() WHERE database_name = 'reporting'
UNION ALL SELECT 'view', schema_name, view_name FROM duckdb_views()
WHERE database_name = 'reporting' AND NOT internal;

-- name: views
-- Every view of the file, with its query.
SELECT schema_name, view_name, sql FROM duckdb_views() WHERE database_name = 'reporting' AND NOT internal;

-- name: macros
-- The macros of the histories, which say what was valid when.
SELECT function_name, parameters, macro_definition FROM duckdb_functions()
WHERE database_name = 'reporting' AND schema_name = 'history' AND function_type = 'table_macro';

-- name: parse
-- A statement as the tree that DuckDB makes of it.
SELECT json_serialize_sql($1::VARCHAR);
