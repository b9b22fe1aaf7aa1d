-- name: tables
-- Each table of the file with its watermark and what the last run that touched it did.
SELECT
    w.table_name,
    w.mode,
    w.snapshot,
    w.as_of,
    w.floor,
    coalesce(w.clock ->> '$.source', '') AS source,
    r.action,
    r.rows_in,
    r.rows_out,
    r.changed_at
FROM out.neaptide.watermarks AS w
LEFT JOIN (
    SELECT t.table_name, t.action, t.rows_in, t.rows_out, h.as_of AS changed_at
    FROM out.neaptide.table_runs AS t
    LEFT JOIN out.neaptide.runs AS h ON h.run_id = t.run_id
    WHERE t.action <> 'none' OR t.reason <> ''
    QUALIFY row_number() OVER (PARTITION BY t.table_name ORDER BY t.run_id DESC) = 1
) AS r ON r.table_name = w.table_name
ORDER BY w.table_name;

-- name: runs
-- The newest runs, each with its tables.
SELECT r.run_id, r.kind, coalesce(r.clock ->> '$.source', '') AS source, r.started_at, r.finished_at, r.as_of,
    r.rows_in, r.rows_out, r.phases::VARCHAR AS phases,
    r.warnings::VARCHAR AS warnings,
    coalesce((
        SELECT to_json(list({
            'table': t.table_name, 'action': t.action, 'reason': t.reason, 'rows_in': t.rows_in,
            'rows_out': t.rows_out, 'notes': t.notes, 'error': t.error
        } ORDER BY t.table_name))
        FROM out.neaptide.table_runs AS t
        WHERE t.run_id = r.run_id
    ), '[]')::VARCHAR AS tables
FROM out.neaptide.runs AS r
ORDER BY r.run_id DESC
LIMIT $most;

-- name: model_runs
-- What the newest runs did to the read models.
SELECT m.run_id, m.model, m.action, m.kind, m.keys, m.rows, m.seconds, m.reason, m.cause, m.error
FROM out.neaptide.model_runs AS m
WHERE m.run_id IN (SELECT r.run_id FROM out.neaptide.runs AS r ORDER BY r.run_id DESC LIMIT $most)
ORDER BY m.run_id DESC, m.seconds DESC, m.model;

-- name: today
-- The runs since a moment that changed something, in how many of them a table failed, and whether older ones are kept.
SELECT
    count(*) FILTER (WHERE r.started_at >= $since) AS runs,
    count(*) FILTER (WHERE r.started_at >= $since AND f.run_id IS NOT NULL) AS failed,
    count(*) FILTER (WHERE r.started_at < $since) > 0 OR count(*) < $keep AS whole
FROM out.neaptide.runs AS r
LEFT JOIN (
    SELECT DISTINCT t.run_id
    FROM out.neaptide.table_runs AS t
    WHERE t.error IS NOT NULL
) AS f ON f.run_id = r.run_id;

-- name: runs_kept
-- How many runs the file remembers.
SELECT count(*) AS runs
FROM out.neaptide.runs;

-- name: size
-- How many bytes of the file a table's blocks take.
SELECT count(DISTINCT i.block_id) * (SELECT any_value(d.block_size) FROM pragma_database_size() AS d) AS bytes
FROM pragma_storage_info($name) AS i
WHERE i.persistent AND i.block_id >= 0;

-- name: models
-- The read models that are in the file: tables, and views of sums.
SELECT t.table_name AS name
FROM duckdb_tables() AS t
WHERE t.database_name = 'out' AND t.schema_name = 'models'
UNION ALL
SELECT v.view_name
FROM duckdb_views() AS v
WHERE v.database_name = 'out' AND v.schema_name = 'models'
ORDER BY name;
