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
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: create_index
-- A run asks for the events since a transaction id; new ones come at the right end, so this costs a writer little.
CREATE INDEX outbox_xid ON neaptide.outbox (xid);

-- name: is_there
-- Whether events are wanted: `track` makes the outbox where a table is followed by them. Asked once the rows are
-- written: whoever tracks waits for those who have written, and a later writer sees what was made.
SELECT to_regclass('neaptide.outbox') IS NOT NULL AS is_there;

-- name: write
-- The events of a transaction, in its own; where and when it happens, the server fills in.
COPY neaptide.outbox (id, name, aggregate, key, version, keys, payload, at) FROM STDIN;
