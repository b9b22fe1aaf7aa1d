-- name: may_purge
-- Whether this role may delete tombstones, and note that it did. A role that only reads leaves them to another.
SELECT
    NOT pg_is_in_recovery()
    AND coalesce(has_table_privilege(to_regclass('neaptide.tombstone'), 'SELECT'), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.tombstone'), 'DELETE'), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.purge'), 'INSERT'), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.purge'), 'UPDATE'), false)
    AND coalesce(has_table_privilege(to_regclass('neaptide.purge'), 'SELECT'), false) AS may;

-- name: lock
-- Two who purge at once would wait for each other. Only who may purge can hold this lock; writers and readers go on.
LOCK TABLE neaptide.purge IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;

-- name: purge
-- Delete some of the oldest tombstones and note, per table, the newest transaction among them: a file that was last
-- brought up to date before it has missed deletes. Only what every running transaction sees as past is touched, so
-- that no file in use has; the index on xid is walked from its old end and no further than the first that is kept.
WITH kept AS (
    SELECT t.xid
    FROM neaptide.tombstone AS t
    WHERE t.deleted_at >= clock_timestamp() - %(retention)s::interval
    ORDER BY t.xid
    LIMIT 1
),

old AS (
    SELECT t.ctid
    FROM neaptide.tombstone AS t
    WHERE
        t.xid < pg_snapshot_xmin(pg_current_snapshot())
        AND t.xid < coalesce((SELECT k.xid FROM kept AS k), '18446744073709551615'::xid8)
    ORDER BY t.xid
    LIMIT %(batch)s
),

gone AS (
    DELETE FROM neaptide.tombstone AS t
    USING old
    WHERE t.ctid = old.ctid
    RETURNING t.relid, t.xid
),

noted AS (
    INSERT INTO neaptide.purge (relid, xid)
    SELECT g.relid, max(g.xid::text::numeric)::text::xid8
    FROM gone AS g
    GROUP BY g.relid
    ON CONFLICT (relid) DO UPDATE
    SET xid = greatest(purge.xid, excluded.xid), purged_at = clock_timestamp()
)

SELECT count(*) AS gone
FROM gone;

-- name: size
-- How much the record of deleted keys has grown to: the size of its table, and its rows by the last count.
SELECT
    pg_total_relation_size(c.oid)::bigint AS bytes,
    greatest(c.reltuples, 0)::bigint AS rows
FROM pg_class AS c
WHERE c.oid = to_regclass('neaptide.tombstone');
