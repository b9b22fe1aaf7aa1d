-- name: identity
-- Which cluster, timeline and database this is; all of it is readable by any role.
SELECT
    s.system_identifier::text AS system_id,
    CASE
        WHEN pg_is_in_recovery() THEN (SELECT c.timeline_id FROM pg_control_checkpoint() AS c)
        -- The control file learns of a promotion only at the next checkpoint; the WAL's file name knows at once.
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
    END AS timeline,
    d.oid::bigint AS database_oid,
    d.datname AS database,
    pg_is_in_recovery() AS standby,
    current_setting('server_version_num')::integer AS version
FROM pg_control_system() AS s
CROSS JOIN pg_database AS d
WHERE d.datname = current_database();

-- name: clock
-- The server's clock, read on its own before the sessions are: a transaction that begins later stamps later.
SELECT clock_timestamp() AS clock;

-- name: sessions
-- When the oldest transaction of another session in this database began, and how many sessions hide theirs.
SELECT
    min(a.xact_start) AS oldest,
    count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden
FROM pg_stat_activity AS a
WHERE
    a.datid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND a.pid <> pg_backend_pid()
    -- Autovacuum stamps no row, and may run for hours.
    AND a.backend_type IS DISTINCT FROM 'autovacuum worker';

-- name: prepared
-- How many transactions are prepared in this database; read after the sessions, so that none slips from one to the other.
SELECT count(*) AS pending
FROM pg_prepared_xacts AS p
WHERE p.database = current_database();

-- name: snapshot
-- The first statement of the reading transaction: now() is when it began, so at or before its snapshot.
SELECT
    CASE
        WHEN pg_is_in_recovery() THEN least(now(), coalesce(pg_last_xact_replay_timestamp(), now()))
        ELSE now()
    END AS as_of,
    pg_current_snapshot()::text AS snapshot,
    pg_export_snapshot() AS exported;
