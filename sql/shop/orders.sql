-- name: table
-- Orders, with what they come to and what was paid.
CREATE TABLE shop.orders (
    id uuid,
    number text NOT NULL,
    customer_id uuid NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    total numeric(14, 2) NOT NULL,
    paid numeric(14, 2) NOT NULL,
    placed_at timestamptz NOT NULL,
    paid_at timestamptz,
    shipped_at timestamptz,
    cancelled_at timestamptz,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- The caller makes the id; a command sent twice is found out here.
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    -- The number on the invoice.
    CONSTRAINT orders_number_key UNIQUE (number),
    CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES shop.customers (id),
    CONSTRAINT orders_number_not_empty CHECK (btrim(number) <> ''),
    CONSTRAINT orders_status_known CHECK (status IN ('open', 'paid', 'shipped', 'cancelled')),
    -- ISO 4217's form; amounts of different currencies are never summed, so the letters must be exact.
    CONSTRAINT orders_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    -- Payments minus refunds: never more than is owed, and never more given back than came in. It keeps the total
    -- from being negative, too.
    CONSTRAINT orders_paid_within_total CHECK (paid BETWEEN 0 AND total),
    -- What the status says must be so: paid and shipped orders are paid in full, a cancelled one has all money back.
    CONSTRAINT orders_status_matches_paid CHECK (
        CASE status WHEN 'open' THEN TRUE WHEN 'cancelled' THEN paid = 0 ELSE paid = total END
    ),
    -- Each status leaves its time behind, and only a status that was reached has one.
    CONSTRAINT orders_status_matches_times CHECK (
        (status <> 'open' OR paid_at IS NULL)
        AND (status NOT IN ('paid', 'shipped') OR paid_at IS NOT NULL)
        AND (status = 'shipped') = (shipped_at IS NOT NULL)
        AND (status = 'cancelled') = (cancelled_at IS NOT NULL)
    ),
    -- Counts the writes of the row, for optimistic locking; it starts at 1.
    CONSTRAINT orders_version_positive CHECK (version >= 1)
);

-- name: customer_id_index
-- The orders of a customer, and the check of the foreign key when a customer is deleted.
CREATE INDEX orders_customer_id_idx ON shop.orders (customer_id);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX orders_updated_at_idx ON shop.orders (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER orders_stamp BEFORE INSERT OR UPDATE ON shop.orders
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.orders ENABLE ALWAYS TRIGGER orders_stamp;
