-- name: relations
-- Every table, view and foreign table of some schemas (of all but PostgreSQL's own where none is named), with its size.
-- Partitions are left out: their table has their rows.
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.oid::bigint AS relid,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    c.reltuples::bigint AS rows,
    coalesce(
        CASE WHEN c.relkind = 'p'
            THEN (SELECT sum(pg_table_size(t.relid)) FROM pg_partition_tree(c.oid) AS t)
            ELSE pg_table_size(c.oid)
        END, 0
    )::bigint AS bytes,
    EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid) AS child,
    pg_has_role(c.relowner, 'USAGE') AS own
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't' AND NOT c.relispartition
    AND n.nspname NOT LIKE 'pg\_%%' AND n.nspname NOT IN ('information_schema', 'neaptide')
    AND (cardinality(%(schemas)s::text[]) = 0 OR n.nspname = ANY(%(schemas)s::text[]))
    -- What an extension brought is the extension's.
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, c.relname;

-- name: who
-- Who looks at what, and whether that role may make the schema that tracking needs.
SELECT
    current_database()::text AS database,
    current_user::text AS role,
    has_database_privilege(current_database(), 'CREATE') AS may_create;
