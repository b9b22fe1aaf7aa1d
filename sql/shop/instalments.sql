-- name: table
-- The schedule of a financing, one row per due date.
CREATE TABLE shop.instalments (
    financing_id uuid,
    number integer,
    due_date date NOT NULL,
    payment numeric(14, 2) NOT NULL,
    principal numeric(14, 2) NOT NULL,
    interest numeric(14, 2) NOT NULL,
    balance numeric(14, 2) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    -- Its index also serves financing_id alone: the schedule of a financing.
    CONSTRAINT instalments_pkey PRIMARY KEY (financing_id, number),
    CONSTRAINT instalments_financing_id_fkey FOREIGN KEY (financing_id) REFERENCES shop.financings (id),
    CONSTRAINT instalments_number_positive CHECK (number >= 1),
    -- Zero parts occur: a cent spread over many months.
    CONSTRAINT instalments_parts_not_negative CHECK (principal >= 0 AND interest >= 0 AND balance >= 0),
    CONSTRAINT instalments_payment_exact CHECK (payment = principal + interest)
);

-- name: due_date_index
-- What is overdue.
CREATE INDEX instalments_due_date_idx ON shop.instalments (due_date);

-- name: updated_at_index
-- The sync reads the rows stamped since its floor.
CREATE INDEX instalments_updated_at_idx ON shop.instalments (updated_at);

-- name: stamp
-- Also a hand-written UPDATE is stamped.
CREATE TRIGGER instalments_stamp BEFORE INSERT OR UPDATE ON shop.instalments
    FOR EACH ROW EXECUTE FUNCTION shop.stamp_updated_at();

-- name: stamp_always
-- Also in a session that applies changes of another server.
ALTER TABLE shop.instalments ENABLE ALWAYS TRIGGER instalments_stamp;
