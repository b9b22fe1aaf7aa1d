-- name: table
-- Who orders.
CREATE TABLE shop.customers (
    id uuid,
    reference text NOT NULL,
    name text NOT NULL,
    street text,
    city text,
    postal_code text,
    country text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- The caller makes the id; a command sent twice is found out here.
    CONSTRAINT customers_pkey PRIMARY KEY (id),
    -- The number other systems know the customer by; two customers with one number would share their invoices.
    CONSTRAINT customers_reference_key UNIQUE (reference),
    CONSTRAINT customers_reference_not_empty CHECK (btrim(reference) <> ''),
    CONSTRAINT customers_name_not_empty CHECK (btrim(name) <> ''),
    -- Reports group by it, so every customer is in some country.
    CONSTRAINT customers_country_not_empty CHECK (btrim(country) <> ''),
    -- Counts the writes of the row, for optimistic locking; it starts at 1.
    CONSTRAINT customers_version_positive CHECK (version >= 1)
);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX customers_updated_at_idx ON shop.customers (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER customers_stamp BEFORE INSERT OR UPDATE ON shop.customers
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.customers ENABLE ALWAYS TRIGGER customers_stamp;
