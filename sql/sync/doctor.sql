-- name: server
-- What a server is set to that a sync depends on, and what it is; all of it is readable by any role.
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS number,
    current_setting('server_encoding') AS encoding,
    current_setting('fsync') = 'on' AS fsync,
    current_setting('track_activities') = 'on' AS track_activities,
    current_setting('hot_standby_feedback') = 'on' AS hot_standby_feedback,
    -- Servers from 17 on don't have it any more.
    coalesce(current_setting('old_snapshot_threshold', true), '-1') NOT IN ('-1', '-1min') AS ends_snapshots,
    pg_is_in_recovery() AS standby,
    (SELECT age(d.datfrozenxid) FROM pg_database AS d WHERE d.datname = current_database()) AS xid_age;

-- name: role
-- What the reading role is, and may.
SELECT
    r.rolname AS name,
    r.rolsuper AS super,
    r.rolbypassrls OR r.rolsuper AS passes_policies,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS reads_all_stats,
    has_database_privilege(current_database(), 'CONNECT') AS connects
FROM pg_roles AS r
WHERE r.rolname = current_user;

-- name: connections
-- How many more sessions the role, the database and the server have room for; -1 is no limit.
SELECT
    r.rolconnlimit AS role_limit,
    (SELECT count(*) FROM pg_stat_activity AS a WHERE a.usesysid = r.oid) AS role_used,
    d.datconnlimit AS database_limit,
    (SELECT count(*) FROM pg_stat_activity AS a WHERE a.datid = d.oid AND a.usesysid IS NOT NULL) AS database_used,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true), '0')::integer AS server_limit,
    (SELECT count(*) FROM pg_stat_activity AS a WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL)
        AS server_used
FROM pg_roles AS r
CROSS JOIN pg_database AS d
WHERE r.rolname = current_user AND d.datname = current_database();

-- name: oldest_transaction
-- The transaction of another session in this database that is open for longest: the floor waits for it, and vacuum.
SELECT
    a.pid,
    coalesce(u.rolname, '') AS role,
    coalesce(a.application_name, '') AS application,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
FROM pg_stat_activity AS a
LEFT JOIN pg_roles AS u ON u.oid = a.usesysid
WHERE
    a.datid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND a.pid <> pg_backend_pid()
    AND a.usesysid IS NOT NULL
    AND a.xact_start IS NOT NULL
    -- A run of ours is no reason to worry.
    AND coalesce(a.application_name, '') NOT LIKE 'neaptide%%'
ORDER BY a.xact_start
LIMIT 1;

-- name: pending
-- Transactions that are prepared in this database, and the oldest of them.
SELECT
    count(*) AS pending,
    (array_agg(p.gid ORDER BY p.prepared))[1] AS gid,
    extract(epoch FROM clock_timestamp() - min(p.prepared))::float8 AS seconds
FROM pg_prepared_xacts AS p
WHERE p.database = current_database();

-- name: slots
-- Replication slots that nobody reads from, and how much log the server keeps for each; of a standby nobody can say.
SELECT
    s.slot_name AS name,
    s.plugin IS NOT NULL AS logical,
    CASE WHEN NOT pg_is_in_recovery() THEN
        (pg_current_wal_lsn() - s.restart_lsn)::float8
    END AS held
FROM pg_replication_slots AS s
WHERE NOT s.active
ORDER BY s.slot_name;

-- name: oldest_tombstone
-- When the oldest key that is still kept was deleted, by the index on xid.
SELECT extract(epoch FROM clock_timestamp() - t.deleted_at)::float8 AS seconds
FROM neaptide.tombstone AS t
ORDER BY t.xid
LIMIT 1;
