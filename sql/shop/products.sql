-- name: table
-- What the shop sells.
CREATE TABLE shop.products (
    id uuid,
    sku text NOT NULL,
    name text NOT NULL,
    unit_price numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- The caller makes the id; a command sent twice is found out here.
    CONSTRAINT products_pkey PRIMARY KEY (id),
    -- People and other systems name a product by its SKU.
    CONSTRAINT products_sku_key UNIQUE (sku),
    CONSTRAINT products_sku_not_empty CHECK (btrim(sku) <> ''),
    CONSTRAINT products_name_not_empty CHECK (btrim(name) <> ''),
    -- Nothing is sold for nothing: a free line would hide a mistake in the price.
    CONSTRAINT products_unit_price_positive CHECK (unit_price > 0),
    -- ISO 4217's form; amounts of different currencies are never summed, so the letters must be exact.
    CONSTRAINT products_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT products_status_known CHECK (status IN ('active', 'discontinued')),
    -- Counts the writes of the row, for optimistic locking; it starts at 1.
    CONSTRAINT products_version_positive CHECK (version >= 1)
);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX products_updated_at_idx ON shop.products (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER products_stamp BEFORE INSERT OR UPDATE ON shop.products
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.products ENABLE ALWAYS TRIGGER products_stamp;
