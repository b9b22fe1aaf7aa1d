-- name: create
-- The events that were recorded, each with the keys of the rows that were written with it: {"schema.table": [["key"]]}.
-- xid is the whole transaction's id; seq orders the events of one aggregate, whose row its writers lock.
CREATE TABLE neaptide.outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    format smallint NOT NULL DEFAULT 1,
    name text NOT NULL,
    aggregate text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    keys jsonb NOT NULL DEFAULT '{}',
    payload jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- What reads them takes them apart in the server.
    CONSTRAINT outbox_keys_by_table CHECK (jsonb_typeof(keys) = 'object')
);

-- name: create_index
-- A run asks for the events since a transaction id; new ones come at the right end, so this costs a writer little.
CREATE INDEX outbox_xid ON neaptide.outbox (xid);

-- name: is_there
-- Whether events are wanted: `track` makes the outbox where a table is followed by them. Asked once the rows are
-- written: whoever tracks waits for those who have written, and a later writer sees what was made. Looked up by hand:
-- to_regclass fails for a role that may not use the schema.
SELECT
    count(*) > 0 AS is_there,
    coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')), false) AS readable,
    max(c.oid::bigint) AS relid
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'neaptide' AND c.relname = 'outbox';

-- name: purged
-- The newest transaction whose events were deleted already; without a row none was.
SELECT p.xid::text::numeric AS xid
FROM neaptide.purge AS p
WHERE p.relid = %(relid)s::oid;

-- name: forget
-- Delete some of the oldest events that everybody has had the time to read, and note the newest transaction among them:
-- a file that was last brought up to date before it has missed what they told. As tombstones are.
WITH kept AS (
    SELECT o.xid
    FROM neaptide.outbox AS o
    WHERE o.recorded_at >= clock_timestamp() - %(retention)s::interval
    ORDER BY o.xid
    LIMIT 1
),

old AS (
    SELECT o.ctid
    FROM neaptide.outbox AS o
    WHERE
        o.xid < pg_snapshot_xmin(pg_current_snapshot())
        AND o.xid < coalesce((SELECT k.xid FROM kept AS k), '18446744073709551615'::xid8)
    ORDER BY o.xid
    LIMIT %(batch)s
),

gone AS (
    DELETE FROM neaptide.outbox AS o
    USING old
    WHERE o.ctid = old.ctid
    RETURNING o.tableoid, o.xid
),

noted AS (
    INSERT INTO neaptide.purge (relid, xid)
    SELECT g.tableoid, max(g.xid::text::numeric)::text::xid8
    FROM gone AS g
    GROUP BY g.tableoid
    ON CONFLICT (relid) DO UPDATE
    SET xid = greatest(purge.xid, excluded.xid), purged_at = clock_timestamp()
)

SELECT count(*) AS gone
FROM gone;

-- name: publish
-- Add events that come from elsewhere.
INSERT INTO neaptide.outbox (id, name, aggregate, key, version, keys, payload, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s);

-- name: read
-- Events by number; what commits late is behind the numbers that were read, see `jobs.position.watermark`.
SELECT
    o.seq, o.id, o.xid::text::numeric AS xid, o.format, o.name, o.aggregate, o.key, o.version, o.keys, o.payload, o.at
FROM neaptide.outbox AS o
WHERE o.seq > %(after)s
ORDER BY o.seq
LIMIT %(limit)s;

-- name: take_relay
-- One relay works at a time, so that events keep their order; the lock goes with its session. The number is any that no
-- other program locks.
SELECT pg_try_advisory_lock(7310294085523018) AS taken;

-- name: delete
-- What the broker has confirmed; whoever reads the outbox itself finds the note that something is missing.
WITH gone AS (
    DELETE FROM neaptide.outbox AS o
    WHERE o.seq = ANY(%(numbers)s::bigint[])
    RETURNING o.tableoid, o.xid
)

INSERT INTO neaptide.purge (relid, xid)
SELECT g.tableoid, max(g.xid::text::numeric)::text::xid8
FROM gone AS g
GROUP BY g.tableoid
ON CONFLICT (relid) DO UPDATE
SET xid = greatest(purge.xid, excluded.xid), purged_at = clock_timestamp();

-- name: size
-- How much there is of the outbox: the size of its table, and its rows by the last count.
SELECT
    pg_total_relation_size(c.oid)::bigint AS bytes,
    greatest(c.reltuples, 0)::bigint AS rows
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'neaptide' AND c.relname = 'outbox';

-- name: may_forget
-- Whether this role may delete events, and note that it did.
SELECT
    NOT pg_is_in_recovery()
    AND coalesce(bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'DELETE')), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.purge'), 'INSERT'), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.purge'), 'UPDATE'), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.purge'), 'SELECT'), false) AS may
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'neaptide' AND c.relname = 'outbox' AND has_schema_privilege(n.oid, 'USAGE');

-- name: writers
-- Who may write to the tables and not to the outbox yet, which they have to write to from now on.
WITH written AS (
    SELECT c.relowner AS role
    FROM pg_class AS c
    WHERE c.oid = ANY(%(relids)s::oid[])
    UNION
    SELECT a.grantee
    FROM pg_class AS c
    CROSS JOIN aclexplode(c.relacl) AS a
    WHERE c.oid = ANY(%(relids)s::oid[]) AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')
)

SELECT CASE WHEN w.role = 0 THEN NULL ELSE pg_get_userbyid(w.role)::text END AS name
FROM written AS w
WHERE
    w.role <> (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user)
    AND NOT EXISTS (
        SELECT
        FROM pg_class AS o
        INNER JOIN pg_namespace AS n ON n.oid = o.relnamespace
        WHERE
            n.nspname = 'neaptide' AND o.relname = 'outbox'
            AND CASE
                WHEN w.role = 0 THEN EXISTS (SELECT FROM aclexplode(o.relacl) AS a WHERE a.grantee = 0)
                ELSE has_table_privilege(w.role, o.oid, 'INSERT') AND has_schema_privilege(w.role, n.oid, 'USAGE')
            END
    )
ORDER BY name;

-- name: write
-- The events of a transaction, in its own; where and when it happens, the server fills in.
COPY neaptide.outbox (id, name, aggregate, key, version, keys, payload, at) FROM STDIN;
