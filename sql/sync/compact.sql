-- name: blocks
-- How many blocks the attached file has, free ones included, and how many are no free ones.
SELECT d.total_blocks AS total, d.used_blocks AS used
FROM pragma_database_size() AS d
WHERE d.database_name = 'out';

-- name: tables
-- Every table of the file, Neaptide's own included.
SELECT t.schema_name AS schema, t.table_name AS name
FROM duckdb_tables() AS t
WHERE t.database_name = 'out';

-- name: storage
-- How many blocks a table takes, and how many rows lie in them, deleted ones included.
SELECT
    count(DISTINCT i.block_id) FILTER (WHERE i.block_id >= 0) AS blocks,
    coalesce(sum(i.count) FILTER (WHERE i.column_id = 0 AND i.column_path = '[0]'), 0) AS stored
FROM pragma_storage_info($name) AS i;

-- name: copy
-- All that is alive, without the free blocks.
COPY FROM DATABASE out TO compact;

-- name: checkpoint
-- Write the copy as one whole file.
CHECKPOINT compact;

-- name: detach
-- Let go of the copy.
DETACH compact;
