-- name: columns
-- The live columns of some tables and every type they are built from, as two JSON arrays in one row.
WITH RECURSIVE wanted AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attndims, a.attnotnull,
           a.attidentity, a.attgenerated, a.attcollation, a.xmin AS version,
           pg_get_expr(d.adbin, d.adrelid) AS default_sql
    FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY(%(relids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
),
-- A type is built from its element (only true arrays: a point has one too), its base, its attributes, its subtype.
reached (oid) AS (
    SELECT atttypid FROM wanted
    UNION
    SELECT part.oid
    FROM reached
    JOIN pg_type AS t ON t.oid = reached.oid
    CROSS JOIN LATERAL (
        SELECT e.oid FROM pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid
        UNION ALL
        SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL
        SELECT f.atttypid FROM pg_attribute AS f
        WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped
        UNION ALL
        SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
    ) AS part
),
types AS (
    SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typtypmod, t.typnotnull,
           coalesce((SELECT e.oid FROM pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid), 0) AS element,
           coalesce((SELECT r.rngsubtype FROM pg_range AS r
                     WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid), 0) AS subtype,
           (SELECT x.extname FROM pg_depend AS p JOIN pg_extension AS x ON x.oid = p.refobjid
            WHERE p.classid = 'pg_type'::regclass AND p.objid = t.oid
              AND p.refclassid = 'pg_extension'::regclass AND p.deptype = 'e') AS extension,
           t.oid >= 16384 AND EXISTS (
                   SELECT FROM pg_cast AS k
                   JOIN pg_proc AS f ON f.oid = k.castfunc
                   JOIN pg_language AS l ON l.oid = f.prolang AND l.lanname NOT IN ('internal', 'c')
                   WHERE k.oid >= 16384 AND (k.castsource IN (t.oid, t.typarray) OR k.casttarget IN (t.oid, t.typarray))
           ) AS recast,
           (SELECT jsonb_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum AS l
            WHERE l.enumtypid = t.oid) AS labels,
           (SELECT jsonb_agg(jsonb_build_array(f.attname, f.atttypid::bigint, f.atttypmod,
                                               format_type(f.atttypid, f.atttypmod)) ORDER BY f.attnum)
            FROM pg_attribute AS f
            WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped) AS attributes
    FROM reached
    JOIN pg_type AS t ON t.oid = reached.oid
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
)
SELECT
    coalesce((SELECT jsonb_agg(jsonb_build_object(
        'relid', w.attrelid::bigint, 'attnum', w.attnum, 'version', w.version::text, 'name', w.attname,
        'oid', w.atttypid::bigint,
        'typmod', w.atttypmod, 'type_name', format_type(w.atttypid, w.atttypmod), 'dims', w.attndims,
        'not_null', w.attnotnull OR t.typnotnull, 'identity', w.attidentity, 'generated', w.attgenerated,
        'default', w.default_sql, 'collation', c.collname, 'deterministic', coalesce(c.collisdeterministic, TRUE)
    ) ORDER BY w.attrelid, w.attnum)
    FROM wanted AS w
    JOIN pg_type AS t ON t.oid = w.atttypid
    LEFT JOIN pg_collation AS c ON c.oid = w.attcollation), '[]'::jsonb) AS columns,
    coalesce((SELECT jsonb_agg(jsonb_build_object(
        'oid', t.oid::bigint, 'schema', t.nspname, 'name', t.typname, 'typtype', t.typtype,
        'category', t.typcategory, 'base', t.typbasetype::bigint, 'base_typmod', t.typtypmod,
        'element', t.element::bigint, 'subtype', t.subtype::bigint, 'extension', t.extension,
        'recast', t.recast, 'labels', t.labels, 'attributes', t.attributes, 'format', format_type(t.oid, NULL),
        'base_format', format_type(nullif(t.typbasetype, 0), t.typtypmod)
    )) FROM types AS t), '[]'::jsonb) AS types,
    -- money is a count of the smallest unit; only this session's lc_monetary knows how many make one.
    scale('1'::money::numeric) AS money_scale

-- name: columns_state
-- A text that differs where `columns` would say anything else: every row of the catalogue that it reads is named by
-- its transaction and its place, those of types that nobody can alter left out.
WITH seen AS (
    SELECT 'a' AS kind, a.ctid, a.xmin
    FROM pg_attribute AS a
    WHERE a.attrelid = ANY(%(relids)s::oid[])
    UNION ALL
    SELECT 'd', d.ctid, d.xmin FROM pg_attrdef AS d WHERE d.adrelid = ANY(%(relids)s::oid[])
    UNION ALL
    SELECT 't', t.ctid, t.xmin FROM pg_type AS t WHERE t.oid >= 16384 AND t.typtype IN ('b', 'c', 'd', 'e', 'r', 'm')
    UNION ALL
    SELECT 'f', f.ctid, f.xmin
    FROM pg_class AS c
    JOIN pg_attribute AS f ON f.attrelid = c.oid
    WHERE c.relkind = 'c'
    UNION ALL
    SELECT 'l', l.ctid, l.xmin FROM pg_enum AS l
    UNION ALL
    SELECT 'n', n.ctid, n.xmin FROM pg_namespace AS n
    UNION ALL
    SELECT 'c', c.ctid, c.xmin FROM pg_collation AS c WHERE c.oid >= 16384
    UNION ALL
    SELECT 'k', k.ctid, k.xmin FROM pg_cast AS k WHERE k.oid >= 16384
    UNION ALL
    SELECT 'x', x.ctid, x.xmin FROM pg_extension AS x
    UNION ALL
    SELECT 'p', p.ctid, p.xmin
    FROM pg_depend AS p
    WHERE p.refclassid = 'pg_extension'::regclass AND p.classid = 'pg_type'::regclass
)
SELECT
    md5(string_agg(s.kind || s.ctid::text || s.xmin::text, ' ' ORDER BY s.kind, s.ctid))
    || current_setting('lc_monetary') AS state
FROM seen AS s;
