-- name: parse
-- A SELECT as the tree that DuckDB makes of it.
SELECT json_serialize_sql(?);

-- name: write
-- Such a tree as a SELECT.
SELECT json_deserialize_sql(?::JSON);
