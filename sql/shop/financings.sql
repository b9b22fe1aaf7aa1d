-- name: table
-- Simulated financings; one may belong to an order.
CREATE TABLE shop.financings (
    id uuid,
    order_id uuid,
    principal numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    monthly_rate numeric(9, 6) NOT NULL,
    instalments integer NOT NULL,
    system text NOT NULL,
    first_due_date date NOT NULL,
    simulated_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- The caller makes the id; a command sent twice is found out here.
    CONSTRAINT financings_pkey PRIMARY KEY (id),
    CONSTRAINT financings_order_id_fkey FOREIGN KEY (order_id) REFERENCES shop.orders (id),
    CONSTRAINT financings_principal_positive CHECK (principal > 0),
    -- ISO 4217's form; amounts of different currencies are never summed, so the letters must be exact.
    CONSTRAINT financings_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    -- A fraction per month; above 1 somebody typed per cent.
    CONSTRAINT financings_monthly_rate_fraction CHECK (monthly_rate BETWEEN 0 AND 1),
    -- A hundred years of months.
    CONSTRAINT financings_instalments_range CHECK (instalments BETWEEN 1 AND 1200),
    CONSTRAINT financings_system_known CHECK (system IN ('PRICE', 'SAC'))
);

-- name: order_id_index
-- The financings of an order, and the check of the foreign key when an order is deleted.
CREATE INDEX financings_order_id_idx ON shop.financings (order_id);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX financings_updated_at_idx ON shop.financings (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER financings_stamp BEFORE INSERT OR UPDATE ON shop.financings
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.financings ENABLE ALWAYS TRIGGER financings_stamp;
