-- name: relations
-- The tables that the config names, or every one that a pattern matches, with what decides how each is read. `place` is
-- the entry's. A pattern takes tables only: no views, no partitions (their table has their rows), nothing temporary.
WITH wanted AS (
    SELECT u.schema, u.name, u.wild, u.place
    FROM unnest(%(schemas)s::text[], %(names)s::text[], %(wild)s::boolean[])
        WITH ORDINALITY AS u (schema, name, wild, place)
),
-- A name is found by the catalogue's index, a pattern by a look at every name.
chosen AS (
    SELECT w.place, c.oid
    FROM wanted AS w
    INNER JOIN pg_namespace AS n ON n.nspname = w.schema
    INNER JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
    WHERE NOT w.wild
    UNION ALL
    SELECT w.place, c.oid
    FROM wanted AS w
    INNER JOIN pg_namespace AS n ON n.nspname LIKE w.schema
    INNER JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname LIKE w.name
    WHERE
        w.wild AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'neaptide'
        AND n.nspname NOT LIKE 'pg\_%%' AND n.nspname <> 'information_schema'
)
SELECT
    w.place::integer AS place,
    c.oid::bigint AS relid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    c.relpages::bigint AS pages,
    -- Changes when the table is rewritten: by TRUNCATE, and by ALTER TABLE, which may change values and fires no trigger.
    c.relfilenode::bigint AS filenode,
    -- A crash empties an unlogged table without a word. That of one session leaves the postmaster, and ends the
    -- statistics.
    CASE
        WHEN c.relpersistence = 'u'
            THEN concat_ws(' ', pg_postmaster_start_time(), (SELECT b.stats_reset FROM pg_stat_bgwriter AS b))
        ELSE ''
    END AS started,
    -- Logical replication writes the rows, and fires no statement trigger.
    EXISTS (SELECT FROM pg_subscription_rel AS s WHERE s.srrelid = c.oid) AS subscribed,
    -- Nor does a statement on the table that this one is a partition of, or inherits from.
    EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid) AS child,
    greatest(c.reltuples, 0)::bigint AS rows,
    has_schema_privilege(n.oid, 'USAGE') AS reachable,
    has_table_privilege(c.oid, 'SELECT') AS readable,
    row_security_active(c.oid) AS filtered,
    CASE WHEN has_table_privilege(c.oid, 'SELECT') THEN '{}' ELSE (
        SELECT coalesce(array_agg(a.attname::text), '{}')
        FROM pg_attribute AS a
        WHERE
            a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT')
    ) END AS hidden_columns
FROM chosen AS w
INNER JOIN pg_class AS c ON c.oid = w.oid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't'
ORDER BY n.nspname, c.relname;

-- name: keys
-- Each table's primary key, its columns in the key's order.
SELECT
    i.indrelid::bigint AS relid,
    array_agg(a.attname::text ORDER BY k.place) AS columns
FROM pg_index AS i
CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = ANY(%(relids)s::oid[]) AND i.indisprimary AND k.place <= i.indnkeyatts
GROUP BY i.indrelid;

-- name: triggers
-- The triggers of some tables and partitions, but for those of constraints, which fire after the row was written.
-- `version` changes when a trigger is disabled, enabled or replaced, or its function is.
SELECT
    t.tgrelid::bigint AS relid,
    t.tgname AS name,
    t.tgenabled::text AS enabled,
    t.tgtype::integer AS kind,
    t.tgqual IS NOT NULL OR cardinality(t.tgattr::smallint[]) > 0 AS conditional,
    t.tgoldtable AS old_table,
    t.tgparentid <> 0 AS cloned,
    n.nspname AS schema,
    p.proname AS function,
    l.lanname AS language,
    coalesce(p.prosrc, '') AS source,
    p.prosecdef AS definer,
    p.proconfig AS settings,
    t.oid::text || ':' || t.xmin::text || ':' || p.oid::text || ':' || p.xmin::text AS version
FROM pg_trigger AS t
INNER JOIN pg_proc AS p ON p.oid = t.tgfoid
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
INNER JOIN pg_language AS l ON l.oid = p.prolang
WHERE t.tgrelid = ANY(%(relids)s::oid[]) AND t.tgconstraint = 0 AND t.tgenabled <> 'D'
ORDER BY t.tgrelid, t.tgname;

-- name: partitions
-- The partitions and children of each table, however deep: a row can enter and leave with one of them. `states` changes
-- when one is rewritten, or a trigger on it is disabled, enabled or replaced. `examples` are partitions that hold rows,
-- one for each set of triggers that is found on any.
WITH RECURSIVE tree AS (
    SELECT r.relid AS root, r.relid
    FROM unnest(%(relids)s::oid[]) AS r (relid)
    UNION ALL
    SELECT t.root, i.inhrelid
    FROM tree AS t
    -- One that is being detached concurrently is left out of every query already.
    INNER JOIN pg_inherits AS i ON i.inhparent = t.relid AND NOT i.inhdetachpending
),

touched AS (
    SELECT
        g.tgrelid,
        string_agg(g.oid::text || g.xmin::text || g.tgenabled::text, ' ' ORDER BY g.oid) FILTER (
            WHERE p.pronamespace <> 'pg_catalog'::regnamespace
        ) AS triggers,
        string_agg(
            concat_ws(' ', g.tgname, g.tgfoid, g.tgtype, g.tgenabled, g.tgqual IS NULL, cardinality(g.tgattr::int2[])),
            E'\n' ORDER BY g.tgname
        ) FILTER (WHERE g.tgconstraint = 0) AS shape
    FROM pg_trigger AS g
    INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
    WHERE g.tgrelid IN (SELECT t.relid FROM tree AS t)
    GROUP BY g.tgrelid
),

parts AS (
    SELECT t.root, t.relid, n.nspname, c.relname, c.relkind, c.relfilenode, o.triggers, o.shape
    FROM tree AS t
    INNER JOIN pg_class AS c ON c.oid = t.relid
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN touched AS o ON o.tgrelid = t.relid
    WHERE t.root <> t.relid
),

examples AS (
    SELECT DISTINCT ON (p.root, p.shape) p.root, p.relid, p.nspname, p.relname
    FROM parts AS p
    WHERE p.relkind <> 'p'
    ORDER BY p.root, p.shape, p.relid
)

SELECT
    p.root::bigint AS relid,
    array_agg(
        p.relid::text || ':' || p.relfilenode::text || ':' || md5(coalesce(p.triggers, '')) ORDER BY p.relid
    ) AS states,
    (
        SELECT jsonb_object_agg(e.relid::text, jsonb_build_array(e.nspname, e.relname))
        FROM examples AS e
        WHERE e.root = p.root
    ) AS examples,
    -- Rows of another server, which may write them past every trigger here.
    min(p.relname::text) FILTER (WHERE p.relkind = 'f') AS elsewhere
FROM parts AS p
GROUP BY p.root;

-- name: below_views
-- All that the rows of these views come from, children of tables included, however deep.
WITH RECURSIVE below AS (
    SELECT r.relid
    FROM unnest(%(relids)s::oid[]) AS r (relid)
    UNION
    SELECT x.relid
    FROM below AS b
    CROSS JOIN LATERAL (
        SELECT d.refobjid AS relid
        FROM pg_rewrite AS w
        INNER JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        WHERE w.ev_class = b.relid AND d.refclassid = 'pg_class'::regclass
        UNION ALL
        SELECT i.inhrelid
        FROM pg_inherits AS i
        WHERE i.inhparent = b.relid AND NOT i.inhdetachpending
    ) AS x
)

SELECT b.relid::bigint AS relid
FROM below AS b
ORDER BY b.relid;

-- name: unique_keys
-- The columns of each unique index on NOT NULL columns, so of no two equal rows and no NULL; the fewest columns first.
SELECT i.indrelid::bigint AS relid, array_agg(a.attname::text ORDER BY k.place) AS columns
FROM pg_index AS i
CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE
    i.indrelid = ANY(%(relids)s::oid[]) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid, i.indrelid
HAVING bool_and(a.attnotnull)
ORDER BY count(*), i.indexrelid;

-- name: tombstones_exist
-- Whether `neaptide track` has made the table of deleted keys, and whether this role may read it. Looked up by hand:
-- to_regclass fails for a role that may not use the schema.
SELECT
    count(*) > 0 AS there,
    coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')), false) AS readable
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'neaptide' AND c.relname = 'tombstone';

-- name: purge_readable
-- Whether `neaptide track` has made the record of purged tombstones, and whether this role may read it.
SELECT
    coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')), false) AS readable
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'neaptide' AND c.relname = 'purge';

-- name: purged
-- The newest transaction of which tombstones were deleted, per table.
SELECT p.relid::bigint AS relid, p.xid::text::bigint AS xid
FROM neaptide.purge AS p
WHERE p.relid = ANY(%(relids)s::oid[]);

-- name: filter_functions
-- Of a condition that calls functions of the names `called`: one that may answer otherwise for the same row. Those that
-- only look at settings are all right: every session of a run has the same. And, of the words `names` in it, what
-- users' functions are made of that it may call, and whatever those call in turn; NULL where there is none. Users'
-- casts, operators and operator classes have functions that no text need name; an extension's change with it alone.
-- Not by xmin: GRANT, or the same definition made once more, changes nothing.
WITH RECURSIVE unnamed AS (
    SELECT
        c.castfunc AS function,
        concat_ws(' ', 'cast', c.castsource, c.casttarget, c.castcontext, c.castmethod, c.castfunc) AS made
    FROM pg_cast AS c
    WHERE
        c.oid >= 16384
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
    UNION ALL
    SELECT o.oprcode, concat_ws(' ', 'operator', o.oprnamespace, o.oprname, o.oprleft, o.oprright, o.oprcode::oid)
    FROM pg_operator AS o
    WHERE
        o.oid >= 16384
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
        )
    UNION ALL
    SELECT a.amproc, concat_ws(' ', 'support', a.amprocfamily, a.amproclefttype, a.amprocnum, a.amproc::oid)
    FROM pg_amproc AS a
    WHERE
        a.oid >= 16384
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_opfamily'::regclass AND d.objid = a.amprocfamily AND d.deptype = 'e'
        )
),

reached (oid) AS (
    SELECT s.oid
    FROM (
        SELECT p.oid FROM pg_proc AS p WHERE p.proname = ANY(%(names)s::name[])
        UNION ALL
        SELECT u.function FROM unnamed AS u
    ) AS s
    WHERE s.oid >= 16384
    UNION
    SELECT q.oid
    FROM reached AS r
    INNER JOIN pg_proc AS p ON p.oid = r.oid
    CROSS JOIN LATERAL concat_ws(
        ' ', p.prosrc, pg_get_function_sqlbody(p.oid), pg_get_expr(p.proargdefaults, 0)
    ) AS body (text)
    CROSS JOIN LATERAL (
        SELECT m.found[1] AS word
        FROM regexp_matches(body.text, '([^[:space:]!-#%%-/:-@[-^`{-~]+)', 'g') AS m (found)
        UNION
        SELECT lower(m.found[1])
        FROM regexp_matches(body.text, '([^[:space:]!-#%%-/:-@[-^`{-~]+)', 'g') AS m (found)
        UNION
        SELECT replace(m.found[1], '""', '"')
        FROM regexp_matches(body.text, '"((?:[^"]|"")+)"', 'g') AS m (found)
    ) AS w
    INNER JOIN pg_proc AS q ON q.proname = w.word::name AND q.oid >= 16384
),

parts (made) AS (
    SELECT u.made FROM unnamed AS u
    UNION ALL
    SELECT concat_ws(
        ' ', 'function', p.oid, p.prolang, p.prosrc, p.probin, pg_get_function_sqlbody(p.oid), p.proconfig::text,
        p.proisstrict, p.prorettype, p.proargtypes::text, pg_get_expr(p.proargdefaults, 0)
    )
    FROM reached AS r
    INNER JOIN pg_proc AS p ON p.oid = r.oid
)

SELECT
    (
        SELECT p.proname::text
        FROM pg_proc AS p
        INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE
            p.proname = ANY(%(called)s::text[]) AND p.provolatile <> 'i'
            AND (p.provolatile = 'v' OR n.nspname <> 'pg_catalog' OR p.proname NOT IN (
                'array_to_json', 'array_to_string', 'concat', 'concat_ws', 'date', 'date_add', 'date_bin', 'date_part',
                'date_subtract', 'date_trunc', 'extract', 'format', 'json_build_array', 'json_build_object',
                'jsonb_build_array', 'jsonb_build_object', 'make_timestamptz', 'plainto_tsquery', 'row_to_json',
                'text', 'time', 'timestamp', 'timestamptz', 'timetz', 'timezone', 'to_char', 'to_date', 'to_json',
                'to_jsonb', 'to_number', 'to_timestamp', 'to_tsquery', 'to_tsvector'
            ))
        LIMIT 1
    ) AS unsteady,
    (SELECT md5(string_agg(p.made, E'\n' ORDER BY p.made COLLATE "C")) FROM parts AS p) AS version;

-- name: labels
-- The labels of some enums by their oids: a rename keeps the oid, and changes what every row with it reads as.
SELECT l.enumtypid::text AS kind, jsonb_object_agg(l.oid::text, l.enumlabel) AS labels
FROM pg_enum AS l
WHERE l.enumtypid = ANY(%(oids)s::oid[])
GROUP BY l.enumtypid;

-- name: type_states
-- The labels and attributes of some types as one text each. No function here looks at a table, or waits for its lock.
SELECT
    t.oid::bigint AS oid,
    concat(
        (
            SELECT string_agg(l.oid::text || ' ' || l.enumlabel, E'\n' ORDER BY l.oid)
            FROM pg_enum AS l
            WHERE l.enumtypid = t.oid
        ),
        (
            SELECT string_agg(concat_ws(' ', a.attname, a.atttypid, a.atttypmod), E'\n' ORDER BY a.attnum)
            FROM pg_attribute AS a
            WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
        )
    ) AS state
FROM pg_type AS t
WHERE t.oid = ANY(%(oids)s::oid[]);

-- name: holders
-- Who holds a lock on a table that keeps readers away, in words; other roles' sessions show their process only.
SELECT string_agg(concat_ws(' ', 'process', l.pid, '(' || nullif(a.application_name, '') || ')'), ', ') AS who
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.relation = %(relid)s::oid AND l.granted AND l.mode = 'AccessExclusiveLock';

-- name: refreshed
-- A materialized view among or below these relations that has other rows now than the snapshot shows: the function
-- looks at the catalogue as it is, the column is as it was.
WITH RECURSIVE below AS (
    SELECT r.relid
    FROM unnest(%(relids)s::oid[]) AS r (relid)
    UNION
    SELECT d.refobjid
    FROM below AS b
    INNER JOIN pg_class AS v ON v.oid = b.relid AND v.relkind = 'v'
    INNER JOIN pg_rewrite AS w ON w.ev_class = b.relid
    INNER JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    WHERE d.refclassid = 'pg_class'::regclass
)

SELECT c.relname AS name
FROM below AS b
INNER JOIN pg_class AS c ON c.oid = b.relid
WHERE c.relkind = 'm' AND pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode
LIMIT 1;

-- name: sizes
-- The bytes of a table's main fork, and with TOAST.
SELECT pg_relation_size(%(relid)s::oid) AS main, pg_table_size(%(relid)s::oid) AS whole;
