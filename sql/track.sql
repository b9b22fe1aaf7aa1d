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
-- The newest transaction of which a table's tombstones were deleted; relid 0 says when they were last looked through.
CREATE TABLE IF NOT EXISTS neaptide.purge (
    relid oid CONSTRAINT purge_pkey PRIMARY KEY,
    xid xid8 NOT NULL,
    purged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: remove_schema
-- Take away the last trace, once no table is tracked.
DROP SCHEMA IF EXISTS neaptide CASCADE;

-- name: triggers_in_place
-- Neaptide's triggers that fire ALWAYS, each with the comment that says which statement made it.
SELECT t.tgrelid::bigint AS relid, t.tgname::text AS name, obj_description(t.oid, 'pg_trigger') AS mark
FROM pg_trigger AS t
INNER JOIN pg_proc AS p ON p.oid = t.tgfoid
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'neaptide' AND t.tgenabled = 'A' AND t.tgrelid = ANY(%(relids)s::oid[]);

-- name: functions_in_place
-- Neaptide's functions, each with the comment that says which statement made it.
SELECT p.proname::text AS name, obj_description(p.oid, 'pg_proc') AS mark, p.prosrc AS source
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'neaptide' AND p.prorettype = 'trigger'::regtype;

-- name: indexes_in_place
-- The columns that a whole, valid index of a table begins with, and what kind of index that is.
SELECT i.indrelid::bigint AS relid, a.attname::text AS column, c.relname::text AS name, m.amname::text AS method
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
INNER JOIN pg_am AS m ON m.oid = c.relam
INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = ANY(%(relids)s::oid[]) AND i.indisvalid AND i.indpred IS NULL;

-- name: tables_in_place
-- Whether Neaptide's own tables are there.
SELECT
    to_regclass('neaptide.tombstone') IS NOT NULL AND to_regclass('neaptide.tombstone_xid') IS NOT NULL
    AND to_regclass('neaptide.purge') IS NOT NULL AS there;

-- name: sizes
-- The bytes of each table, without its indexes.
SELECT c.oid::bigint AS relid, pg_table_size(c.oid) AS bytes
FROM pg_class AS c
WHERE c.oid = ANY(%(relids)s::oid[]);

-- name: traces
-- What `track` put on some tables, on all where none is given: triggers by their functions, indexes by their names,
-- columns by their comments.
SELECT 'trigger' AS kind, n.nspname::text AS schema, c.relname::text AS relation, t.tgname::text AS name
FROM pg_trigger AS t
INNER JOIN pg_proc AS p ON p.oid = t.tgfoid AND p.pronamespace = to_regnamespace('neaptide')
INNER JOIN pg_class AS c ON c.oid = t.tgrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE t.tgparentid = 0 AND (cardinality(%(relids)s::oid[]) = 0 OR c.oid = ANY(%(relids)s::oid[]))
UNION ALL
SELECT 'index' AS kind, n.nspname::text AS schema, c.relname::text AS relation, i.relname::text AS name
FROM pg_index AS x
INNER JOIN pg_class AS i ON i.oid = x.indexrelid
INNER JOIN pg_class AS c ON c.oid = x.indrelid
INNER JOIN pg_namespace AS n ON n.oid = i.relnamespace
WHERE
    i.relname ~ ('^neaptide_(updated_at|xid)_' || c.oid::text || '$')
    AND (cardinality(%(relids)s::oid[]) = 0 OR c.oid = ANY(%(relids)s::oid[]))
UNION ALL
SELECT 'column' AS kind, n.nspname::text AS schema, c.relname::text AS relation, a.attname::text AS name
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON c.oid = a.attrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    col_description(c.oid, a.attnum) = %(mark)s AND NOT a.attisdropped AND NOT c.relispartition
    AND (cardinality(%(relids)s::oid[]) = 0 OR c.oid = ANY(%(relids)s::oid[]));
