-- name: table
-- Pieces that came back, with what they were sold for.
CREATE TABLE shop.order_returns (
    id uuid,
    order_id uuid NOT NULL,
    line_no integer NOT NULL,
    quantity integer NOT NULL,
    amount numeric(14, 2) NOT NULL,
    returned_at timestamptz NOT NULL,
    reference text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- The caller makes the id; a command sent twice is found out here.
    CONSTRAINT order_returns_pkey PRIMARY KEY (id),
    -- A return is of a line that was sold.
    CONSTRAINT order_returns_line_fkey FOREIGN KEY (order_id, line_no) REFERENCES shop.order_items (order_id, line_no),
    CONSTRAINT order_returns_quantity_positive CHECK (quantity >= 1),
    CONSTRAINT order_returns_amount_positive CHECK (amount > 0)
);

-- name: line_index
-- The returns of an order or a line, and the check of the foreign key when a line is deleted.
CREATE INDEX order_returns_line_idx ON shop.order_returns (order_id, line_no);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX order_returns_updated_at_idx ON shop.order_returns (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER order_returns_stamp BEFORE INSERT OR UPDATE ON shop.order_returns
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.order_returns ENABLE ALWAYS TRIGGER order_returns_stamp;
