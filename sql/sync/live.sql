-- name: columns
-- The tables that can be asked, with their columns.
SELECT c.schema_name, c.table_name, list(c.column_name ORDER BY c.column_index)
FROM duckdb_columns() AS c
WHERE c.database_name = 'memory' AND c.schema_name NOT IN ('main', 'neaptide') AND NOT c.internal
GROUP BY ALL
ORDER BY ALL;

-- name: create_schema
-- Where it is said how fresh the answers are.
CREATE SCHEMA IF NOT EXISTS memory.neaptide;
