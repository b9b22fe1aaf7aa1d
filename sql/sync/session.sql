-- name: adopt
-- Give the session these settings, those that the server knows, where it answers on that backend; and which one did.
-- Names are qualified: the role's own search_path may hold others of the same name.
SELECT
    pg_catalog.pg_backend_pid() AS backend,
    (
        SELECT pg_catalog.jsonb_object_agg(s.name, pg_catalog.set_config(s.name, w.value, false))
        FROM ROWS FROM (
            pg_catalog.unnest(%(names)s::pg_catalog.text[]), pg_catalog.unnest(%(values)s::pg_catalog.text[])
        ) AS w (name, value)
        INNER JOIN pg_catalog.pg_settings AS s ON pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) w.name
        WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %(backend)s::pg_catalog.int4
    ) AS adopted;

-- name: give
-- Give a session these settings, or only its transaction.
SELECT pg_catalog.set_config(w.name, w.value, %(local)s)
FROM ROWS FROM (
    pg_catalog.unnest(%(names)s::pg_catalog.text[]), pg_catalog.unnest(%(values)s::pg_catalog.text[])
) AS w (name, value);

-- name: held
-- What the session has of these settings, and on which backend it was asked.
SELECT
    pg_catalog.pg_backend_pid() AS backend,
    (
        SELECT pg_catalog.jsonb_object_agg(n.name, pg_catalog.current_setting(n.name))
        FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS n (name)
    ) AS held;

-- name: known
-- Those of these settings that the server knows.
SELECT s.name
FROM pg_catalog.pg_settings AS s
WHERE pg_catalog.lower(s.name) = ANY(%(names)s::text[]);

-- name: backend
-- The process that answers.
SELECT pg_catalog.pg_backend_pid() AS backend;

-- name: let_views
-- Lift a setting until the transaction ends, if the server has it.
SELECT set_config(s.name, '', true) AS lifted
FROM pg_settings AS s
WHERE s.name = %(name)s;

-- name: alive
-- Whether the server still answers on this connection.
SELECT 1;

-- name: renew
-- Make the session what it was when it was new.
SET SESSION AUTHORIZATION DEFAULT; RESET ALL;

-- name: by_pages
-- Until the transaction ends or `by_index`, visit a table's pages in their order, not in the order of an index.
SET LOCAL enable_indexscan = off;

-- name: by_index
-- After `by_pages`.
SET LOCAL enable_indexscan TO DEFAULT;

-- name: count_briefly
-- Nobody waits long for a number that is only told.
SET LOCAL statement_timeout = '2s';
