-- name: create_ledger
-- What a file says of the models in it. A file that an earlier version made gets it when it is next written to.
CREATE TABLE IF NOT EXISTS out.neaptide.models (
    name VARCHAR,
    kind VARCHAR,
    why VARCHAR,
    inputs JSON,
    tables JSON,
    signature JSON,
    run_id VARCHAR,
    action VARCHAR,
    keys BIGINT,
    rows BIGINT,
    seconds DOUBLE,
    build_run_id VARCHAR,
    build_seconds DOUBLE,
    reason VARCHAR,
    error VARCHAR,
    costs JSON
);
CREATE TABLE IF NOT EXISTS out.neaptide.model_inputs (
    table_name VARCHAR,
    run_id VARCHAR
);

-- name: complete_ledger
-- What an earlier version did not note.
ALTER TABLE out.neaptide.models ADD COLUMN IF NOT EXISTS costs JSON;

-- name: read_models
-- What is known of each model: what it is made of, and what the run did to it that last changed it. An earlier version's
-- file lacks the last column.
SELECT m.* REPLACE (m.inputs::VARCHAR AS inputs, m.tables::VARCHAR AS tables, m.signature::VARCHAR AS signature)
FROM out.neaptide.models AS m
ORDER BY m.name;

-- name: read_inputs
-- The tables as of whose present rows the models are. Each run that knows of models notes for every table the run that
-- wrote its watermark; whatever else writes a watermark (a table copied anew, a repair, another file's table taken over,
-- an earlier version) leaves the two apart.
SELECT i.table_name
FROM out.neaptide.model_inputs AS i
JOIN out.neaptide.watermarks AS w ON w.table_name = i.table_name AND w.run_id = i.run_id;

-- name: forget_inputs
-- Make room for what the models are made of now.
DELETE FROM out.neaptide.model_inputs;

-- name: write_inputs
-- The models are as of the present rows of all tables.
INSERT INTO out.neaptide.model_inputs (table_name, run_id)
SELECT w.table_name, w.run_id
FROM out.neaptide.watermarks AS w;

-- name: forget_models
-- These models are no longer known, or are written anew.
DELETE FROM out.neaptide.models
WHERE name IN (SELECT unnest(from_json($names::JSON, '["VARCHAR"]')));

-- name: write_models
-- What is known of these models now.
INSERT INTO out.neaptide.models (
    name, kind, why, inputs, tables, signature, run_id, action, keys, rows, seconds, build_run_id, build_seconds,
    reason, error, costs
)
SELECT
    m.name, m.kind, m.why, m.inputs::JSON, m.tables::JSON, m.signature::JSON, m.run_id, m.action, m.keys, m.rows,
    m.seconds, m.build_run_id, m.build_seconds, m.reason, m.error, m.costs::JSON
FROM (
    SELECT unnest(from_json($rows::JSON, '[{
        "name": "VARCHAR", "kind": "VARCHAR", "why": "VARCHAR", "inputs": "VARCHAR", "tables": "VARCHAR",
        "signature": "VARCHAR", "run_id": "VARCHAR", "action": "VARCHAR", "keys": "BIGINT", "rows": "BIGINT",
        "seconds": "DOUBLE", "build_run_id": "VARCHAR", "build_seconds": "DOUBLE", "reason": "VARCHAR",
        "error": "VARCHAR", "costs": "VARCHAR"
    }]')) AS m
);

-- name: create_model_runs
-- What each run did to each model that it had to do with.
CREATE TABLE IF NOT EXISTS out.neaptide.model_runs (
    run_id VARCHAR,
    model VARCHAR,
    action VARCHAR,
    kind VARCHAR,
    keys BIGINT,
    rows BIGINT,
    seconds DOUBLE,
    reason VARCHAR,
    cause VARCHAR,
    error VARCHAR
);

-- name: forget_model_runs
-- What was said of these runs before they ended.
DELETE FROM out.neaptide.model_runs
WHERE run_id IN (SELECT unnest(from_json($runs::JSON, '["VARCHAR"]')));

-- name: write_model_runs
-- What runs did to models.
INSERT INTO out.neaptide.model_runs (run_id, model, action, kind, keys, rows, seconds, reason, cause, error)
SELECT m.run_id, m.model, m.action, m.kind, m.keys, m.rows, m.seconds, m.reason, m.cause, m.error
FROM (
    SELECT unnest(from_json($rows::JSON, '[{
        "run_id": "VARCHAR", "model": "VARCHAR", "action": "VARCHAR", "kind": "VARCHAR", "keys": "BIGINT",
        "rows": "BIGINT", "seconds": "DOUBLE", "reason": "VARCHAR", "cause": "VARCHAR", "error": "VARCHAR"
    }]')) AS m
);

-- name: take_over_model_runs
-- What those runs did to models that wrote the other file.
INSERT INTO out.neaptide.model_runs BY NAME
SELECT m.*
FROM published.neaptide.model_runs AS m
WHERE m.run_id NOT IN (SELECT o.run_id FROM out.neaptide.runs AS o);

-- name: forget_old_model_runs
-- A model's record goes with its run.
DELETE FROM out.neaptide.model_runs
WHERE run_id NOT IN (SELECT r.run_id FROM out.neaptide.runs AS r);

-- name: columns
-- The columns of every table and view that a model may read, and about how many rows a table has. A history changes in
-- other ways than a table does.
SELECT
    c.schema_name AS schema, c.table_name AS name, c.column_name AS column, c.data_type AS type,
    t.estimated_size AS size
FROM duckdb_columns() AS c
LEFT JOIN duckdb_tables() AS t ON t.database_oid = c.database_oid AND t.table_oid = c.table_oid
WHERE c.database_name = 'out' AND c.schema_name <> 'neaptide'
    AND NOT (c.schema_name = 'history' AND c.table_name IN (
        SELECT v.view_name FROM duckdb_views() AS v WHERE v.database_name = 'out' AND v.schema_name = 'history'
    ))
ORDER BY c.schema_name, c.table_name, c.column_index;

-- name: keys
-- The key of every copied table, by the names that its columns have in the file.
SELECT w.table_name, (w.signature -> 'key')::VARCHAR AS key
FROM out.neaptide.watermarks AS w;

-- name: create_schema
-- Where the read models are.
CREATE SCHEMA IF NOT EXISTS out.models;

-- name: functions
-- What this DuckDB says of its own functions, by name.
SELECT
    f.function_name,
    bool_or(f.function_type = 'aggregate') AS aggregates,
    bool_and(f.function_type = 'scalar' AND f.stability = 'CONSISTENT') AS consistent,
    bool_or(f.stability <> 'CONSISTENT') AS moves
FROM duckdb_functions() AS f
WHERE f.internal AND f.function_type <> 'table'
GROUP BY ALL;
