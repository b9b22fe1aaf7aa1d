-- name: slot
-- The slot of this name, how far it is confirmed, what it holds of the log, and the settings that bear on it. All but
-- the settings is NULL where there is none. One that tells of transactions before they are committed is none of ours.
SELECT
    s.slot_name IS NOT NULL AS there,
    s.plugin = 'pgoutput' AND s.database = current_database()
    AND to_jsonb(s) ->> 'two_phase' IS DISTINCT FROM 'true' AS ours,
    s.confirmed_flush_lsn::text AS confirmed,
    coalesce(s.wal_status, '') AS status,
    coalesce(s.active, false) AS active,
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::bigint AS held,
    s.safe_wal_size AS safe,
    current_setting('wal_level') AS wal_level,
    current_setting('max_slot_wal_keep_size') AS keep
FROM (SELECT 1) AS one
LEFT JOIN pg_replication_slots AS s ON s.slot_name = %(name)s;

-- name: slots
-- All slots of Neaptide's in this database, with what each holds of the log.
SELECT
    s.slot_name::text AS name,
    s.active,
    coalesce(s.wal_status, '') AS status,
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::bigint AS held
FROM pg_replication_slots AS s
WHERE s.database = current_database() AND s.slot_name ~ '^neaptide_[0-9a-f]{12}$'
ORDER BY s.slot_name;

-- name: publications
-- The publications of Neaptide's in this database; of all tables where somebody else made it anew.
SELECT p.pubname::text AS name, p.puballtables AS of_all
FROM pg_publication AS p
WHERE p.pubname ~ '^neaptide_[0-9a-f]{12}$'
ORDER BY p.pubname;

-- name: members
-- The tables that a publication names, and the versions of both entries: they change with whatever is altered.
SELECT
    c.oid::bigint AS relid,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS quoted,
    concat_ws('.', p.oid, p.xmin, r.oid, r.xmin) AS version,
    p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND NOT p.pubviaroot
    AND coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') IS NULL AS whole,
    coalesce(to_jsonb(p) ->> 'pubgencols', '') = 's' AS generated
FROM pg_publication AS p
INNER JOIN pg_publication_rel AS r ON r.prpubid = p.oid
INNER JOIN pg_class AS c ON c.oid = r.prrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.pubname = %(name)s;

-- name: parts
-- Each table and its partitions, and the columns by which the log tells their rows apart (the replica identity).
-- `attached` changes with whatever made a partition one: while it was none, it was not published with its table.
-- Before 18 no generated column is told; from then on it is where it is stored and the publication says so, and
-- PostgreSQL refuses an UPDATE of a table whose identity holds one that is not: `generated`, or can't be: `computed`.
SELECT
    t.root,
    c.oid::bigint AS relid,
    (SELECT i.xmin::text FROM pg_inherits AS i WHERE i.inhrelid = c.oid AND t.relid <> t.root) AS attached,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    d.identity,
    d.generated,
    d.computed
FROM (
    SELECT r.relid AS root, r.relid FROM unnest(%(relids)s::bigint[]) AS r (relid)
    UNION
    SELECT r.relid AS root, p.relid::oid::bigint
    FROM unnest(%(relids)s::bigint[]) AS r (relid)
    CROSS JOIN pg_partition_tree(r.relid::oid) AS p
) AS t
INNER JOIN pg_class AS c ON c.oid = t.relid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT
        array_agg(a.attname::text) FILTER (WHERE a.attgenerated = '' OR (a.attgenerated = 's' AND v.tells)) AS identity,
        coalesce(bool_or(a.attgenerated = 's') AND v.tells, false) AS generated,
        coalesce(bool_or(a.attgenerated = 'v') AND v.tells, false) AS computed
    FROM pg_attribute AS a
    CROSS JOIN (SELECT current_setting('server_version_num')::int >= 180000 AS tells) AS v
    LEFT JOIN pg_index AS i
        ON i.indrelid = c.oid AND a.attnum = ANY(i.indkey) AND i.indisvalid AND i.indimmediate
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
    WHERE
        a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND (c.relreplident = 'f' OR i.indrelid IS NOT NULL)
    GROUP BY v.tells
) AS d ON true;

-- name: flushed
-- How far the log is on the disk.
SELECT pg_current_wal_flush_lsn()::text AS position;

-- name: writers
-- How many transactions are running that have written, which a new slot waits for.
SELECT count(*) AS running
FROM pg_stat_activity AS a
WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid();

-- name: elsewhere
-- The transactions that are running and have written to none of these tables, by the lower 32 bits of their ids.
SELECT t.transactionid::text::bigint AS xid
FROM pg_locks AS t
WHERE
    t.locktype = 'transactionid' AND t.granted AND t.mode = 'ExclusiveLock'
    AND NOT EXISTS (
        SELECT
        FROM pg_locks AS w
        WHERE
            w.virtualtransaction = t.virtualtransaction AND w.locktype = 'relation'
            AND w.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            AND w.relation = ANY(%(relids)s::oid[])
            AND w.mode NOT IN ('AccessShareLock', 'RowShareLock')
    );

-- name: let_go
-- End the session that reads from a slot: a role may end its own.
SELECT pg_terminate_backend(s.active_pid)
FROM pg_replication_slots AS s
WHERE s.slot_name = %(name)s AND s.active;

-- name: reader
-- Who reads from a slot.
SELECT a.pid, a.application_name AS application, a.usename = current_user AS own
FROM pg_replication_slots AS s
INNER JOIN pg_stat_activity AS a ON a.pid = s.active_pid
WHERE s.slot_name = %(name)s;

-- name: advance
-- Let the server forget what lies below a position, from another session than the one that reads it.
SELECT pg_replication_slot_advance(%(name)s, %(position)s::pg_lsn);

-- name: drop_slot
-- Let the server forget what it holds for the slot, if nobody reads from it.
SELECT pg_drop_replication_slot(s.slot_name)
FROM pg_replication_slots AS s
WHERE s.slot_name = %(name)s;

-- name: may_replicate
-- Whether the session's role may read the log: with the attribute, or by the role that a managed server has for it.
-- `logical`: there is something to read.
SELECT
    r.rolname::text AS name,
    r.rolsuper OR r.rolreplication OR EXISTS (
        SELECT FROM pg_roles AS g WHERE g.rolname = 'rds_replication' AND pg_has_role(r.oid, g.oid, 'member')
    ) AS may,
    current_setting('wal_level') = 'logical' AND NOT pg_is_in_recovery() AS logical
FROM pg_roles AS r
WHERE r.rolname = current_user;

-- name: flush
-- After it the log is on the disk as far as it was written before; from PostgreSQL 17 on.
SELECT pg_catalog.pg_logical_emit_message(false, 'neaptide', '', true);

-- name: flush_by_commit
-- The same for older servers: the message is part of a transaction, whose commit flushes.
SELECT pg_catalog.pg_logical_emit_message(true, 'neaptide', '');
