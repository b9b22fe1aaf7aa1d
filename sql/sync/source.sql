-- name: identity
-- Which cluster, timeline and database this is, and how far its log has come; all of it is readable by any role.
WITH server AS MATERIALIZED (
    SELECT pg_is_in_recovery() AS standby
)

SELECT
    s.system_identifier::text AS system_id,
    CASE
        WHEN server.standby THEN greatest(c.timeline_id, r.min_recovery_end_timeline)
        -- The control file learns of a promotion only at the next checkpoint; the WAL's file name knows at once.
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
    END AS timeline,
    d.oid::bigint AS database_oid,
    d.datname AS database,
    server.standby,
    current_setting('server_version_num')::integer AS version,
    -- Flushed, not inserted: a crash takes nothing of it away. Read before the snapshot, so all of it is visible there.
    CASE
        WHEN server.standby THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_flush_lsn()
    END::text AS wal
FROM server
CROSS JOIN pg_control_system() AS s
CROSS JOIN pg_control_checkpoint() AS c
CROSS JOIN pg_control_recovery() AS r
CROSS JOIN pg_database AS d
WHERE d.datname = current_database();

-- name: clock
-- The server's clock, read on its own before the sessions are: a transaction that begins later stamps later.
SELECT clock_timestamp() AS clock;

-- name: sessions
-- When the oldest transaction of another session in this database began, and how many sessions are in one of which that
-- is not known: `hidden` from this role, or `silent`, because track_activities was off for them when it began. That a
-- session is in a transaction the lock table knows of everybody, whatever is switched off: each holds its virtual id.
SELECT
    min(s.xact_start) AS oldest,
    count(*) FILTER (WHERE s.unknown AND s.backend_type IS NULL) AS hidden,
    count(*) FILTER (WHERE s.unknown AND s.backend_type IS NOT NULL) AS silent
FROM (
    SELECT
        a.xact_start,
        a.backend_type,
        a.xact_start IS NULL
        -- A client that is idle has said so since; the state of anything else may be an old one.
        AND (a.backend_type IS DISTINCT FROM 'client backend' OR a.state IS DISTINCT FROM 'idle')
        AND a.pid IN (SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'virtualxid') AS unknown
    FROM pg_stat_activity AS a
    WHERE
        a.datid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND a.pid <> pg_backend_pid()
        -- Autovacuum, which is nobody's session, stamps no row, and may run for hours.
        AND a.usesysid IS NOT NULL
) AS s;

-- name: prepared
-- How many transactions are prepared in this database; read after the sessions, so that none slips from one to the other.
SELECT count(*) AS pending
FROM pg_prepared_xacts AS p
WHERE p.database = current_database();

-- name: snapshot
-- The first statement of the reading transaction: now() is when it began, so at or before its snapshot.
SELECT
    now() AS as_of,
    pg_current_snapshot()::text AS snapshot,
    pg_export_snapshot() AS exported,
    pg_backend_pid() AS backend,
    -- Read after the snapshot was taken: a synchronous commit that it shows lies below.
    pg_current_wal_flush_lsn()::text AS wal,
    -- Every commit that it shows lies below, also one with synchronous_commit = off.
    pg_current_wal_insert_lsn()::text AS wal_end;

-- name: standby_snapshot
-- The same on a standby, or on one that was promoted a moment ago. Nobody may join this one: see jobs/source/spool.py.
-- A standby knows the primary's clock from the commits and checkpoints it has replayed, and from nothing else: what
-- the WAL receiver says of the sender's clock says nothing of a primary behind another standby.
SELECT
    CASE
        WHEN pg_is_in_recovery() THEN least(now(), greatest(c.checkpoint_time, pg_last_xact_replay_timestamp()))
        ELSE now()
    END AS as_of,
    pg_current_snapshot()::text AS snapshot,
    '' AS exported,
    pg_backend_pid() AS backend,
    CASE
        WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_flush_lsn()
    END::text AS wal,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END::text AS wal_end
FROM pg_control_checkpoint() AS c;

-- name: reached
-- How far a server has come: everything committed before `clock` lies in its log before `wal`. Asked of the source, for
-- a replica to wait for it; a source that is a standby itself knows the primary's clock as above.
SELECT
    CASE
        WHEN pg_is_in_recovery() THEN least(now(), greatest(c.checkpoint_time, pg_last_xact_replay_timestamp()))
        ELSE now()
    END AS clock,
    now() AS now,
    CASE
        WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_insert_lsn()
    END::text AS wal
FROM pg_control_checkpoint() AS c;

-- name: durable
-- Whether the log is on the disk up to a position, or but for that position's page; and the WAL writer's delay in ms.
SELECT
    f.lsn >= w.lsn AS done,
    f.lsn >= w.lsn - mod(w.lsn - '0/0'::pg_lsn, current_setting('wal_block_size')::numeric) AS but_a_page,
    s.setting::integer AS delay
FROM pg_current_wal_flush_lsn() AS f (lsn)
CROSS JOIN (SELECT %(wal_end)s::pg_lsn AS lsn) AS w
CROSS JOIN pg_settings AS s
WHERE s.name = 'wal_writer_delay';

-- name: end_sessions
-- End the sessions of this role that bear the name; a role may end its own.
SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
WHERE
    a.application_name = %(name)s
    AND a.usename = current_user
    AND a.pid <> pg_backend_pid();
