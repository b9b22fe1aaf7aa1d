-- name: create_schema
-- Neaptide's own tables in the reporting file; made once, in the file that will be published.
CREATE SCHEMA IF NOT EXISTS out.neaptide;
CREATE TABLE IF NOT EXISTS out.neaptide.file (
    format INTEGER,
    lineage VARCHAR,
    system_id VARCHAR,
    timeline INTEGER,
    database_oid BIGINT,
    database VARCHAR,
    wal VARCHAR,
    row_group INTEGER
);
CREATE TABLE IF NOT EXISTS out.neaptide.watermarks (
    table_name VARCHAR,
    relid BIGINT,
    mode VARCHAR,
    snapshot VARCHAR,
    as_of TIMESTAMPTZ,
    floor TIMESTAMPTZ,
    standby BOOLEAN,
    signature JSON,
    clock JSON,
    run_id VARCHAR
);
CREATE TABLE IF NOT EXISTS out.neaptide.runs (
    run_id VARCHAR,
    kind VARCHAR,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    as_of TIMESTAMPTZ,
    snapshot VARCHAR,
    clock JSON,
    rows_in BIGINT,
    rows_out BIGINT,
    phases JSON,
    warnings JSON
);
CREATE TABLE IF NOT EXISTS out.neaptide.table_runs (
    run_id VARCHAR,
    table_name VARCHAR,
    action VARCHAR,
    reason VARCHAR,
    rows_read BIGINT,
    rows_in BIGINT,
    rows_out BIGINT,
    seconds DOUBLE,
    notes JSON,
    error VARCHAR
);
CREATE VIEW IF NOT EXISTS out.neaptide.freshness AS
SELECT
    (SELECT min(w.as_of) FROM neaptide.watermarks AS w) AS as_of,
    r.run_id,
    r.finished_at
FROM neaptide.runs AS r
ORDER BY r.run_id DESC
LIMIT 1;

-- name: read_file
-- Whose copy this file is, its newest run, and the newest that has touched a table: one that was cut short has no
-- record. The ids of runs sort by time.
SELECT f.*,
    (SELECT max(r.run_id) FROM out.neaptide.runs AS r) AS run_id,
    (SELECT max(w.run_id) FROM out.neaptide.watermarks AS w) AS touched_by
FROM out.neaptide.file AS f;

-- name: read_watermarks
-- How far each table has been read.
SELECT w.table_name, w.relid, w.mode, w.snapshot, w.as_of, w.floor, w.standby, w.signature::VARCHAR AS signature,
    w.clock::VARCHAR AS clock, w.run_id
FROM out.neaptide.watermarks AS w;

-- name: oldest_watermark
-- The moment that all tables of one source are as of at least; the name of [source] is empty.
SELECT min(w.as_of) AS as_of
FROM out.neaptide.watermarks AS w
WHERE coalesce(w.clock ->> '$.source', '') = $source;

-- name: read_errors
-- Why tables were left as they are by the last run that had anything to say of them.
SELECT t.table_name, t.error
FROM (
    SELECT r.table_name, r.error
    FROM out.neaptide.table_runs AS r
    WHERE r.action <> 'none' OR r.reason <> ''
    QUALIFY row_number() OVER (PARTITION BY r.table_name ORDER BY r.run_id DESC) = 1
) AS t
WHERE t.error IS NOT NULL;

-- name: take_over_watermarks
-- How far the published file's copies of these tables were read.
INSERT INTO out.neaptide.watermarks
SELECT w.*
FROM published.neaptide.watermarks AS w
WHERE w.table_name IN (SELECT unnest(from_json($names, '["VARCHAR"]')));

-- name: write_file
-- Say whose copy this file is.
INSERT INTO out.neaptide.file (format, lineage, system_id, timeline, database_oid, database, wal, row_group)
VALUES ($format, $lineage, $system_id, $timeline, $database_oid, $database, $wal, $row_group);

-- name: forget_file
-- Make room for a new line of `file`.
DELETE FROM out.neaptide.file;

-- name: create_sources
-- Whose copy the tables of each named source are; made where there is the first.
CREATE TABLE IF NOT EXISTS out.neaptide.sources (
    source VARCHAR,
    system_id VARCHAR,
    timeline INTEGER,
    database_oid BIGINT,
    database VARCHAR,
    wal VARCHAR
);

-- name: read_source
-- Whose copy the tables of one source are.
SELECT s.system_id, s.timeline, s.database_oid, s.database, s.wal
FROM out.neaptide.sources AS s
WHERE s.source = $source;

-- name: forget_source
-- Make room for a new line of it.
DELETE FROM out.neaptide.sources AS s WHERE s.source = $source;

-- name: write_source
-- Say whose copy they are.
INSERT INTO out.neaptide.sources
VALUES ($source, $system_id, $timeline, $database_oid, $database, $wal);

-- name: write_watermarks
-- How far these tables have been read now.
INSERT INTO out.neaptide.watermarks (table_name, relid, mode, snapshot, as_of, floor, standby, signature, clock, run_id)
SELECT
    m.table_name, m.relid, m.mode, m.snapshot, m.as_of, m.floor, m.standby, m.signature::JSON, m.clock::JSON, m.run_id
FROM (
    SELECT unnest(from_json($rows::JSON, '[{
        "table_name": "VARCHAR", "relid": "BIGINT", "mode": "VARCHAR", "snapshot": "VARCHAR", "as_of": "TIMESTAMPTZ",
        "floor": "TIMESTAMPTZ", "standby": "BOOLEAN", "signature": "VARCHAR", "clock": "VARCHAR", "run_id": "VARCHAR"
    }]')) AS m
);

-- name: move_watermarks
-- How far these tables have been read now; whatever else is said of them stays.
UPDATE out.neaptide.watermarks
SET snapshot = $snapshot, as_of = $as_of::TIMESTAMPTZ, floor = $floor::TIMESTAMPTZ, standby = $standby,
    clock = $clock::JSON, run_id = $run_id
WHERE list_contains(from_json($names::JSON, '["VARCHAR"]'), table_name);

-- name: forget_watermarks
-- Make room for the next watermarks of these tables.
DELETE FROM out.neaptide.watermarks
WHERE table_name IN (SELECT unnest(from_json($names::JSON, '["VARCHAR"]')));

-- name: disown_tables
-- The rows of these tables are of another source than the file's. As of when they are stays; how far that one was read
-- says nothing of this one.
UPDATE out.neaptide.watermarks
SET snapshot = '0:0:', floor = NULL, standby = false, signature = '{}'::JSON,
    clock = CASE
        WHEN clock ->> '$.source' IS NULL THEN '{}'::JSON ELSE json_object('source', clock ->> '$.source')
    END
WHERE table_name IN (SELECT unnest(from_json($names::JSON, '["VARCHAR"]')));

-- name: write_runs
-- The records of runs.
INSERT INTO out.neaptide.runs (
    run_id, kind, started_at, finished_at, as_of, snapshot, clock, rows_in, rows_out, phases, warnings
)
SELECT
    r.run_id, r.kind, r.started_at, r.finished_at, r.as_of, r.snapshot, r.clock::JSON, r.rows_in, r.rows_out,
    r.phases::JSON, r.warnings::JSON
FROM (
    SELECT unnest(from_json($rows::JSON, '[{
        "run_id": "VARCHAR", "kind": "VARCHAR", "started_at": "TIMESTAMPTZ", "finished_at": "TIMESTAMPTZ",
        "as_of": "TIMESTAMPTZ", "snapshot": "VARCHAR", "clock": "VARCHAR", "rows_in": "BIGINT", "rows_out": "BIGINT",
        "phases": "VARCHAR", "warnings": "VARCHAR"
    }]')) AS r
);

-- name: complete_run
-- How a run ended, which its record is too early for.
UPDATE out.neaptide.runs
SET finished_at = $finished_at::TIMESTAMPTZ, phases = $phases::JSON
WHERE run_id = $run_id;

-- name: write_table_runs
-- What runs did to each table that they touched.
INSERT INTO out.neaptide.table_runs (
    run_id, table_name, action, reason, rows_read, rows_in, rows_out, seconds, notes, error
)
SELECT
    t.run_id, t."table", t.action, t.reason, t.rows_read, t.rows_in, t.rows_out, t.seconds, t.notes::JSON, t.error
FROM (
    SELECT unnest(from_json($rows::JSON, '[{
        "run_id": "VARCHAR", "table": "VARCHAR", "action": "VARCHAR", "reason": "VARCHAR", "rows_read": "BIGINT",
        "rows_in": "BIGINT", "rows_out": "BIGINT", "seconds": "DOUBLE", "notes": "VARCHAR", "error": "VARCHAR"
    }]')) AS t
);

-- name: forget_own_last_run
-- The record of the run that wrote this file is from before that run's end; the run after it completed it in the other.
DELETE FROM out.neaptide.runs
WHERE run_id = (SELECT max(o.run_id) FROM out.neaptide.runs AS o)
    AND run_id IN (SELECT r.run_id FROM published.neaptide.runs AS r);

-- name: take_over_runs
-- The runs that wrote the other file; the record of the last is completed by what is known now.
INSERT INTO out.neaptide.runs
SELECT r.* REPLACE (
    CASE WHEN r.run_id = $last THEN $finished_at::TIMESTAMPTZ ELSE r.finished_at END AS finished_at,
    CASE WHEN r.run_id = $last THEN $phases::JSON ELSE r.phases END AS phases
)
FROM published.neaptide.runs AS r
WHERE r.run_id NOT IN (SELECT o.run_id FROM out.neaptide.runs AS o);

-- name: take_over_table_runs
-- What those runs did to each table.
INSERT INTO out.neaptide.table_runs
SELECT t.*
FROM published.neaptide.table_runs AS t
WHERE t.run_id NOT IN (SELECT o.run_id FROM out.neaptide.runs AS o);

-- name: forget_old_runs
-- Keep only the newest runs.
DELETE FROM out.neaptide.runs
WHERE run_id NOT IN (SELECT r.run_id FROM out.neaptide.runs AS r ORDER BY r.run_id DESC LIMIT $keep);

-- name: forget_old_table_runs
-- A table's record goes with its run.
DELETE FROM out.neaptide.table_runs WHERE run_id NOT IN (SELECT r.run_id FROM out.neaptide.runs AS r);

-- name: list_tables
-- Every copied table in the file.
SELECT t.schema_name AS schema, t.table_name AS name
FROM duckdb_tables() AS t
WHERE t.database_name = 'out' AND t.schema_name <> 'neaptide';

-- name: list_published_tables
-- Every table in the published file, beside the one that is written.
SELECT t.schema_name AS schema, t.table_name AS name
FROM duckdb_tables() AS t
WHERE t.database_name = 'published';

-- name: memory
-- What temporary tables hold in memory, and what of anything was put on disk for want of it.
SELECT
    coalesce(sum(m.memory_usage_bytes) FILTER (WHERE m.tag = 'IN_MEMORY_TABLE'), 0) AS held,
    coalesce(sum(m.temporary_storage_bytes), 0) AS spilled
FROM duckdb_memory() AS m;

-- name: rows
-- How many rows all copied tables have together, deleted ones that still take room among them.
SELECT coalesce(sum(t.estimated_size), 0)::BIGINT AS rows
FROM duckdb_tables() AS t
WHERE t.database_name = 'out';

-- name: no_tables
-- What stands in the file under Neaptide's own names, or under those of the copied tables, and is no table: a view may do
-- anything to whoever reads it. The one that is Neaptide's is for readers, and so are those of models: columns of a
-- table of Neaptide's, and nothing else; or of two of them, as a history has it.
SELECT format('{}.{}', v.schema_name, v.view_name) AS name
FROM duckdb_views() AS v
WHERE v.database_name = 'out' AND NOT v.internal
    AND NOT (v.schema_name = 'neaptide' AND v.view_name = 'freshness')
    AND NOT (v.schema_name = 'models' AND regexp_full_match(
        v.sql,
        'CREATE VIEW (models\.)?(\w+|"([^"]|"")+") AS SELECT (\w+|"([^"]|"")+")(, (\w+|"([^"]|"")+"))* '
            || 'FROM neaptide\.(\w+|"([^"]|"")+");'
    ))
    AND NOT (v.schema_name = 'history' AND regexp_full_match(
        v.sql,
        'CREATE VIEW (history\.)?(\w+|"([^"]|"")+") AS SELECT (v\.(\w+|"([^"]|"")+"), )+v\.valid_from, '
            || 'COALESCE\(e\.valid_to, v\.valid_to\) AS valid_to, '
            || '\(COALESCE\(e\.valid_to, v\.valid_to\) IS NULL\) AS is_current, v\.operation, '
            || 'COALESCE\(e\.ended_by, v\.ended_by\) AS ended_by FROM neaptide\.(\w+|"([^"]|"")+") AS v '
            || 'LEFT JOIN neaptide\.(\w+|"([^"]|"")+") AS e ON '
            || '[(]+v\.(\w+|"([^"]|"")+") = e\.(\w+|"([^"]|"")+")[)]+'
            || '( AND [(]?v\.(\w+|"([^"]|"")+") = e\.(\w+|"([^"]|"")+")[)]+)+;'
    ));

-- name: create_projections
-- What is said of projections; made where there is the first.
CREATE SCHEMA IF NOT EXISTS out.projections;
CREATE TABLE IF NOT EXISTS out.neaptide.projections (
    name VARCHAR,
    version VARCHAR,
    code VARCHAR,
    queue VARCHAR,
    number BIGINT,
    snapshot VARCHAR,
    as_of TIMESTAMPTZ,
    standby BOOLEAN,
    error VARCHAR
);
CREATE TABLE IF NOT EXISTS out.neaptide.projected (
    projection VARCHAR,
    aggregate VARCHAR,
    key VARCHAR,
    version BIGINT,
    ids JSON
);

-- name: read_projections
-- How far each projection has the events.
SELECT p.name, p.version, p.code, p.queue, p.number, p.snapshot, p.as_of, p.standby, p.error
FROM out.neaptide.projections AS p;

-- name: forget_projection
-- Say nothing of one any more.
DELETE FROM out.neaptide.projections AS p
WHERE p.name = $name;

-- name: write_projection
-- Say how far one has the events.
INSERT INTO out.neaptide.projections
VALUES ($name, $version, $code, $queue, $number, $snapshot, $as_of::TIMESTAMPTZ, $standby, $error);

-- name: forget_projected
-- Which events a projection has had is forgotten with its table.
DELETE FROM out.neaptide.projected AS p
WHERE p.projection = $name;

-- name: read_projected
-- The newest version of each of these aggregates that a projection has had, and the ids of the events that led to it.
SELECT p.aggregate, p.key, p.version, p.ids::VARCHAR AS ids
FROM out.neaptide.projected AS p
SEMI JOIN (
    SELECT unnest(from_json($rows::JSON, '[{"aggregate": "VARCHAR", "key": "VARCHAR"}]'), recursive := true)
) AS w ON w.aggregate = p.aggregate AND w.key = p.key
WHERE p.projection = $name;

-- name: replace_projected
-- The same, of what it has had now; the old ones are taken away first.
DELETE FROM out.neaptide.projected AS p
USING (
    SELECT unnest(from_json($rows::JSON, '[{"aggregate": "VARCHAR", "key": "VARCHAR"}]'), recursive := true)
) AS w
WHERE p.projection = $name AND w.aggregate = p.aggregate AND w.key = p.key;

-- name: write_projected
-- And written down anew.
INSERT INTO out.neaptide.projected
SELECT $name, w.aggregate, w.key, w.version, w.ids
FROM (
    SELECT unnest(
        from_json($rows::JSON, '[{"aggregate": "VARCHAR", "key": "VARCHAR", "version": "BIGINT", "ids": "JSON"}]'),
        recursive := true
    )
) AS w;
