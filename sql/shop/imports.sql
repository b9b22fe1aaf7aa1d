-- name: imports_table
-- How far a file or a generated stream has come in: kept in the transaction that brought the orders in.
CREATE TABLE shop.imports (
    id integer GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT imports_pkey PRIMARY KEY (id),
    -- The same content is the same import, whatever the file is called.
    CONSTRAINT imports_source_key UNIQUE (source),
    CONSTRAINT imports_done_not_negative CHECK (done >= 0)
);

-- name: verdicts_table
-- What became of each line of a file: accepted, or the rule it broke. line_no counts from 1.
CREATE TABLE shop.import_verdicts (
    import_id integer NOT NULL,
    line_no integer NOT NULL,
    verdict text NOT NULL,
    amount numeric(24, 3),
    -- No line is judged twice.
    CONSTRAINT import_verdicts_pkey PRIMARY KEY (import_id, line_no),
    CONSTRAINT import_verdicts_import_id_fkey FOREIGN KEY (import_id) REFERENCES shop.imports (id)
);
