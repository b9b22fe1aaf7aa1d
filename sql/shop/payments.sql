-- name: table
-- Money that came in for an order, or went back.
CREATE TABLE shop.payments (
    id uuid,
    order_id uuid NOT NULL,
    kind text NOT NULL,
    amount numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    method text NOT NULL,
    paid_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- The caller makes the id; a payment sent twice is found out here, also for another order.
    CONSTRAINT payments_pkey PRIMARY KEY (id),
    CONSTRAINT payments_order_id_fkey FOREIGN KEY (order_id) REFERENCES shop.orders (id),
    CONSTRAINT payments_kind_known CHECK (kind IN ('payment', 'refund')),
    -- The kind gives the direction, so an amount has no sign.
    CONSTRAINT payments_amount_positive CHECK (amount > 0),
    -- ISO 4217's form; amounts of different currencies are never summed, so the letters must be exact.
    CONSTRAINT payments_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT payments_method_not_empty CHECK (btrim(method) <> '')
);

-- name: order_id_index
-- The payments of an order, and the check of the foreign key when an order is deleted.
CREATE INDEX payments_order_id_idx ON shop.payments (order_id);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX payments_updated_at_idx ON shop.payments (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER payments_stamp BEFORE INSERT OR UPDATE ON shop.payments
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.payments ENABLE ALWAYS TRIGGER payments_stamp;
