-- name: table
-- The lines of the orders, at the price of the day they were ordered.
CREATE TABLE shop.order_items (
    order_id uuid,
    line_no integer,
    product_id uuid NOT NULL,
    quantity integer NOT NULL,
    unit_price numeric(12, 2) NOT NULL,
    line_total numeric(14, 2) NOT NULL,
    returned_quantity integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- Its index also serves order_id alone: the lines of an order.
    CONSTRAINT order_items_pkey PRIMARY KEY (order_id, line_no),
    CONSTRAINT order_items_order_id_fkey FOREIGN KEY (order_id) REFERENCES shop.orders (id),
    CONSTRAINT order_items_product_id_fkey FOREIGN KEY (product_id) REFERENCES shop.products (id),
    CONSTRAINT order_items_line_no_positive CHECK (line_no >= 1),
    -- A line is about at least one piece; returns are rows of their own, never negative lines.
    CONSTRAINT order_items_quantity_positive CHECK (quantity >= 1),
    CONSTRAINT order_items_unit_price_positive CHECK (unit_price > 0),
    -- Kept so that reports add up without multiplying, and checked so that it can't drift.
    CONSTRAINT order_items_line_total_exact CHECK (line_total = quantity * unit_price),
    -- No more comes back than was sold.
    CONSTRAINT order_items_returned_within_sold CHECK (returned_quantity BETWEEN 0 AND quantity)
);

-- name: product_id_index
-- The lines of a product, and the check of the foreign key when a product is deleted.
CREATE INDEX order_items_product_id_idx ON shop.order_items (product_id);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX order_items_updated_at_idx ON shop.order_items (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER order_items_stamp BEFORE INSERT OR UPDATE ON shop.order_items
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.order_items ENABLE ALWAYS TRIGGER order_items_stamp;
