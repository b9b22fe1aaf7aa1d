-- name: schema
-- Where everything of Neaptide's lies but the triggers, a stamp column and its index.
CREATE SCHEMA neaptide;

-- name: tombstone
-- Where the triggers write the keys of deleted rows. key is NULL for a TRUNCATE; xid is the whole transaction's id.
CREATE TABLE neaptide.tombstone (
    relid oid NOT NULL,
    key jsonb,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: tombstone_xid
-- A run asks for the tombstones since a transaction id; new ones come at the right end, so this costs a delete little.
CREATE INDEX tombstone_xid ON neaptide.tombstone (xid);

-- name: purge
-- The newest transaction of which a table's tombstones were deleted; relid 0 says when they were last looked through.
CREATE TABLE neaptide.purge (
    relid oid CONSTRAINT purge_pkey PRIMARY KEY,
    xid xid8 NOT NULL,
    purged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: forget_tombstones
-- What came with a dump bears the ids of another server's transactions, and of its tables.
DELETE FROM neaptide.tombstone AS t
WHERE t.xid >= pg_snapshot_xmax(pg_current_snapshot());

-- name: forget_purges
-- The same of the record of what was deleted.
DELETE FROM neaptide.purge AS p
WHERE p.xid >= pg_snapshot_xmax(pg_current_snapshot());

-- name: remove_schema
-- Take away the last trace, once no table is tracked.
DROP SCHEMA IF EXISTS neaptide CASCADE;

-- name: things_in_place
-- The schema, and what there is of Neaptide's own tables.
SELECT 'schema' AS name
FROM pg_namespace AS n
WHERE n.nspname = 'neaptide'
UNION ALL
SELECT c.relname::text AS name
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'neaptide' AND c.relname IN ('tombstone', 'tombstone_xid', 'purge');

-- name: functions_in_place
-- Neaptide's functions, with all that decides what they do.
SELECT
    p.proname::text AS name,
    l.lanname::text AS language,
    p.prosrc AS source,
    p.prosecdef AS definer,
    p.proconfig AS settings,
    -- A NULL means PUBLIC may.
    p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0) AS public
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
INNER JOIN pg_language AS l ON l.oid = p.prolang
WHERE n.nspname = 'neaptide' AND p.prorettype = 'trigger'::regtype AND p.pronargs = 0;

-- name: indexes_in_place
-- The columns that a whole, valid index of a table begins with, and what kind of index that is.
SELECT i.indrelid::bigint AS relid, a.attname::text AS column, c.relname::text AS name, m.amname::text AS method
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
INNER JOIN pg_am AS m ON m.oid = c.relam
INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = ANY(%(relids)s::oid[]) AND i.indisvalid AND i.indpred IS NULL;

-- name: tables_in_place
-- The bytes of each table without its indexes, who owns it, and the columns that say in which partition a row lies.
SELECT
    c.oid::bigint AS relid,
    pg_table_size(c.oid) AS bytes,
    o.rolname::text AS owner,
    o.rolsuper AS owned_by_superuser,
    pg_has_role(o.oid, 'USAGE') AS own,
    (
        SELECT coalesce(array_agg(a.attname::text), '{}')
        FROM pg_partition_tree(c.oid) AS t
        INNER JOIN pg_partitioned_table AS k ON k.partrelid = t.relid
        INNER JOIN pg_attribute AS a ON a.attrelid = t.relid AND a.attnum = ANY(k.partattrs::smallint[])
    ) AS placing
FROM pg_class AS c
INNER JOIN pg_roles AS o ON o.oid = c.relowner
WHERE c.oid = ANY(%(relids)s::oid[]);

-- name: role
-- Who is asking, and whether everything is open to it.
SELECT r.rolname::text AS name, r.rolsuper AS super
FROM pg_roles AS r
WHERE r.rolname = current_user;

-- name: strangers
-- What lies in the schema neaptide, or may be put there, by a role that could do with it as it likes: not the one that
-- tracks, nor a superuser. Neaptide makes no trigger and no rule on its own tables.
WITH own AS (
    SELECT n.oid, n.nspowner, n.nspacl
    FROM pg_namespace AS n
    WHERE n.nspname = 'neaptide'
),

found AS (
    SELECT 'the schema neaptide' AS what, own.nspowner AS owner
    FROM own
    UNION ALL
    SELECT 'neaptide.' || c.relname, c.relowner
    FROM own
    INNER JOIN pg_class AS c ON c.relnamespace = own.oid
    UNION ALL
    SELECT 'neaptide.' || p.proname || '()', p.proowner
    FROM own
    INNER JOIN pg_proc AS p ON p.pronamespace = own.oid
    UNION ALL
    SELECT 'neaptide.' || t.typname, t.typowner
    FROM own
    INNER JOIN pg_type AS t ON t.typnamespace = own.oid
    UNION ALL
    SELECT 'the operator neaptide.' || o.oprname, o.oprowner
    FROM own
    INNER JOIN pg_operator AS o ON o.oprnamespace = own.oid
    UNION ALL
    SELECT 'the right to create things in the schema neaptide', a.grantee
    FROM own
    CROSS JOIN aclexplode(own.nspacl) AS a
    WHERE a.privilege_type = 'CREATE'
)

SELECT f.what, CASE WHEN f.owner = 0 THEN 'everybody' ELSE 'the role ' || pg_get_userbyid(f.owner) END AS owner
FROM found AS f
WHERE
    f.owner <> (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = %(role)s)
    AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = f.owner AND r.rolsuper)
UNION ALL
SELECT 'the trigger ' || t.tgname || ' on neaptide.' || c.relname, 'somebody else'
FROM own
INNER JOIN pg_class AS c ON c.relnamespace = own.oid
INNER JOIN pg_trigger AS t ON t.tgrelid = c.oid
WHERE NOT t.tgisinternal
UNION ALL
SELECT 'the rule ' || w.rulename || ' on neaptide.' || c.relname, 'somebody else'
FROM own
INNER JOIN pg_class AS c ON c.relnamespace = own.oid
INNER JOIN pg_rewrite AS w ON w.ev_class = c.oid
LIMIT 1;

-- name: lock
-- Two who track at once would race for the same names. Writers and readers go on; only who may write to the table can
-- hold this lock.
LOCK TABLE neaptide.tombstone IN SHARE UPDATE EXCLUSIVE MODE;

-- name: holders
-- Who holds a lock on a table that keeps `track` away, in words.
SELECT
    string_agg(
        concat_ws(' ', 'process', l.pid, 'of the role ' || a.usename, '(' || nullif(a.application_name, '') || ')'), ', '
    ) AS who
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE
    l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
    AND l.relation = ANY(%(relids)s::oid[]) AND l.mode NOT IN ('AccessShareLock', 'RowShareLock');

-- name: traces
-- What `track` put on some tables, on all where none is given: triggers by their functions, indexes by their names,
-- columns by their comments, where a trigger is still there: CREATE TABLE (LIKE …) copies comments.
WITH followed AS (
    SELECT t.oid, t.tgname, t.tgrelid, t.tgparentid
    FROM pg_trigger AS t
    INNER JOIN pg_proc AS p ON p.oid = t.tgfoid
    INNER JOIN pg_namespace AS o ON o.oid = p.pronamespace
    WHERE o.nspname = 'neaptide'
)

SELECT 'trigger' AS kind, n.nspname::text AS schema, c.relname::text AS relation, t.tgname::text AS name
FROM followed AS t
INNER JOIN pg_class AS c ON c.oid = t.tgrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE t.tgparentid = 0 AND (cardinality(%(relids)s::oid[]) = 0 OR c.oid = ANY(%(relids)s::oid[]))
UNION ALL
-- One that a partitioned table's index took over can't be dropped by itself.
SELECT 'index' AS kind, n.nspname::text AS schema, c.relname::text AS relation, i.relname::text AS name
FROM pg_index AS x
INNER JOIN pg_class AS i ON i.oid = x.indexrelid
INNER JOIN pg_class AS c ON c.oid = x.indrelid
INNER JOIN pg_namespace AS n ON n.oid = i.relnamespace
WHERE
    i.relname ~ ('^neaptide_(updated_at|xid)_' || c.oid::text || '$') AND NOT i.relispartition
    AND (cardinality(%(relids)s::oid[]) = 0 OR c.oid = ANY(%(relids)s::oid[]))
UNION ALL
SELECT 'column' AS kind, n.nspname::text AS schema, c.relname::text AS relation, a.attname::text AS name
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON c.oid = a.attrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    col_description(c.oid, a.attnum) = %(mark)s AND NOT a.attisdropped AND a.attinhcount = 0
    AND EXISTS (SELECT FROM followed AS f WHERE f.tgrelid = c.oid)
    AND (cardinality(%(relids)s::oid[]) = 0 OR c.oid = ANY(%(relids)s::oid[]));

-- name: readers
-- The roles that were made, and whether each can log in: a group can't, and is granted to its members.
SELECT
    r.rolname::text AS name,
    r.rolcanlogin AS logs_in
FROM pg_roles AS r
WHERE NOT starts_with(r.rolname, 'pg_');

-- name: rights
-- What a role lacks to read some tables, and what Neaptide notes in its schema: a schema's name, a table's, or both.
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.oid::bigint AS relid,
    has_schema_privilege(r.oid, n.oid, 'USAGE') AS reachable,
    has_table_privilege(r.oid, c.oid, 'SELECT') AS readable,
    c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls) AS filtered
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
INNER JOIN pg_roles AS r ON r.rolname = %(role)s
WHERE c.oid = ANY(%(relids)s::oid[]) OR (n.nspname = 'neaptide' AND c.relname IN ('tombstone', 'purge', 'outbox'))
ORDER BY n.nspname, c.relname;

-- name: sees_sessions
-- Whether a role is told when the transactions of others began.
SELECT pg_has_role(%(role)s, 'pg_read_all_stats', 'USAGE') AS sees;

-- name: tombstone_oid
-- The oid of the table of deleted keys.
SELECT 'neaptide.tombstone'::regclass::oid::bigint AS relid;
