-- name: take
-- Take the lock of the lake's one writer, if nobody has it; it lasts as long as the session.
SELECT pg_try_advisory_lock(%(key)s) AS taken;

-- name: give_back
-- Let go of it.
SELECT pg_advisory_unlock(%(key)s);

-- name: holder
-- Which session has that lock, and whether it is this one.
SELECT l.pid, l.pid = pg_backend_pid() AS own, a.application_name AS application, a.backend_start AS since
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE
    l.locktype = 'advisory'
    AND l.granted
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND l.classid::bigint = %(key)s::bigint >> 32
    AND l.objid::bigint = %(key)s::bigint & 4294967295
    AND l.objsubid = 1;

-- name: version
-- The newest snapshot of a lake in which a run was finished. Each is of a whole run, since a run is one transaction.
SELECT max(s.snapshot_id) AS version
FROM ducklake_snapshot AS s
WHERE EXISTS (
    SELECT
    FROM ducklake_table AS t
    JOIN ducklake_schema AS c ON c.schema_id = t.schema_id AND c.end_snapshot IS NULL
    WHERE t.table_name = 'runs' AND c.schema_name = 'neaptide' AND t.end_snapshot IS NULL
);

-- name: opened
-- The newest snapshot of a whole run, what is in it, and what its commit says of how fresh it is, if it is a run's.
WITH named AS (
    SELECT x.kind, c.schema_name, x.name
    FROM (
        SELECT 'table' AS kind, t.schema_id, t.table_name AS name FROM ducklake_table AS t WHERE t.end_snapshot IS NULL
        UNION ALL
        SELECT 'view', v.schema_id, v.view_name FROM ducklake_view AS v WHERE v.end_snapshot IS NULL
    ) AS x
    JOIN ducklake_schema AS c ON c.schema_id = x.schema_id AND c.end_snapshot IS NULL
)
SELECT
    max(s.snapshot_id) AS version,
    (SELECT json_agg(json_build_array(n.kind, n.schema_name, n.name)) FROM named AS n) AS names,
    (
        SELECT c.commit_extra_info
        FROM ducklake_snapshot_changes AS c
        WHERE c.author = 'neaptide' AND c.snapshot_id = (SELECT max(b.snapshot_id) FROM ducklake_snapshot AS b)
    ) AS said
FROM ducklake_snapshot AS s
WHERE EXISTS (SELECT FROM named AS n WHERE n.schema_name = 'neaptide' AND n.name = 'runs');

-- name: tables_of_others
-- What a lake holds in which no run was ever finished: somebody else's tables.
SELECT string_agg(c.schema_name || '.' || t.table_name, ', ' ORDER BY c.schema_name, t.table_name) AS names
FROM ducklake_table AS t
JOIN ducklake_schema AS c ON c.schema_id = t.schema_id AND c.end_snapshot IS NULL
WHERE t.end_snapshot IS NULL;

-- name: move_empty
-- Let a lake that has no files yet have them elsewhere than it was first told.
UPDATE ducklake_metadata SET value = %(data)s
WHERE key = 'data_path' AND value <> %(data)s AND NOT EXISTS (SELECT FROM ducklake_data_file)
RETURNING value;

-- name: has_snapshot
-- A row where this snapshot was not cleaned away.
SELECT s.snapshot_id FROM ducklake_snapshot AS s WHERE s.snapshot_id = %(id)s;

-- name: size
-- The bytes of all files that some snapshot has.
SELECT
    (SELECT coalesce(sum(f.file_size_bytes), 0) FROM ducklake_data_file AS f)
    + (SELECT coalesce(sum(d.file_size_bytes), 0) FROM ducklake_delete_file AS d) AS bytes;

-- name: create_notes
-- Small notes on the lake for every machine, beside DuckLake's own tables: in the lake each of them would be a snapshot.
CREATE SCHEMA IF NOT EXISTS neaptide;
CREATE TABLE IF NOT EXISTS neaptide.notes (
    name text PRIMARY KEY,
    content text NOT NULL
);

-- name: read_note
-- What was noted last.
SELECT n.content FROM neaptide.notes AS n WHERE n.name = %(name)s;

-- name: noted
-- The names of all notes of one kind, whichever source they are of.
SELECT coalesce(array_agg(n.name ORDER BY n.name), '{}') AS names FROM neaptide.notes AS n
WHERE split_part(n.name, '.', 1) = %(name)s;

-- name: write_note
-- Note it in place of what was noted.
INSERT INTO neaptide.notes (name, content) VALUES (%(name)s, %(content)s)
ON CONFLICT (name) DO UPDATE SET content = excluded.content;

-- name: keep_note
-- Note it unless something was noted; what is noted now.
WITH made AS (
    INSERT INTO neaptide.notes (name, content) VALUES (%(name)s, %(content)s)
    ON CONFLICT (name) DO NOTHING
    RETURNING content
)
SELECT m.content FROM made AS m
UNION ALL
SELECT n.content FROM neaptide.notes AS n WHERE n.name = %(name)s
LIMIT 1;

-- name: forget_note
-- Note nothing any more.
DELETE FROM neaptide.notes WHERE name = %(name)s;

-- name: wait_a_minute
-- Who locks a table of the catalog stops a run, but not for good.
SET statement_timeout = '60s';
