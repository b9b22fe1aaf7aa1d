-- name: tombstone_table
-- Where the triggers write the keys of deleted rows. key is NULL for a TRUNCATE; xid is the whole transaction's id.
CREATE SCHEMA IF NOT EXISTS neaptide;
CREATE TABLE IF NOT EXISTS neaptide.tombstone (
    relid oid NOT NULL,
    key jsonb,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- A run asks for the tombstones since a transaction id; new ones come at the right end, so this costs a delete little.
CREATE INDEX IF NOT EXISTS tombstone_xid ON neaptide.tombstone (xid);

-- name: remove_schema
-- Take away the last trace, once no table is tracked.
DROP SCHEMA IF EXISTS neaptide CASCADE;

-- name: tracked
-- Which tables have triggers of Neaptide's.
SELECT DISTINCT t.tgrelid::bigint AS relid
FROM pg_trigger AS t
INNER JOIN pg_proc AS p ON p.oid = t.tgfoid
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'neaptide' AND NOT t.tgisinternal;
