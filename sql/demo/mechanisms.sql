-- name: tell
-- The event of one written row.
INSERT INTO neaptide.outbox (name, aggregate, key, version, keys)
VALUES (
    'Written', 'event', %(key)s, 1,
    jsonb_build_object('public.event', jsonb_build_array(jsonb_build_array(%(key)s::text)))
);

-- name: find
-- Whether the source has the row.
SELECT 1 FROM public.event WHERE id = %(id)s;

-- name: find_copy
-- Whether the reporting file has the row.
SELECT 1 FROM public.event WHERE id = $id;

-- name: keys
-- All keys, of the source and of the file.
SELECT id FROM public.event;

-- name: even_out
-- Give the table that nobody follows as many rows as the other: to grow costs, too.
INSERT INTO public.bare (body) SELECT body FROM public.event;

-- name: checkpoint
-- Write all of it out before a measurement.
CHECKPOINT;

-- name: on_sale
-- The oldest product that is on sale, and its price.
SELECT id, unit_price, currency FROM shop.products WHERE status = 'active' ORDER BY created_at, id LIMIT 1;

-- name: orders
-- How many orders the reporting file has.
SELECT count(*) FROM shop.orders;
