-- name: create_ledger
-- What a file says of the histories in it. A file that an earlier version made gets it when it is next written to.
-- `moment` is when a version last began or ended, `shape` another word each time that the versions are written anew.
CREATE TABLE IF NOT EXISTS out.neaptide.history (
    table_name VARCHAR,
    begun TIMESTAMPTZ,
    moment TIMESTAMPTZ,
    forgotten TIMESTAMPTZ,
    shape VARCHAR,
    signature JSON,
    columns JSON,
    run_id VARCHAR
);

-- name: read_ledger
-- What the file says of each history.
SELECT h.table_name, h.begun, h.moment, h.forgotten, h.shape, h.signature::VARCHAR AS signature,
    h.columns::VARCHAR AS columns, h.run_id
FROM out.neaptide.history AS h;

-- name: read_theirs
-- What the published file says of each, where it says anything.
SELECT h.table_name, h.begun, h.moment, h.forgotten, h.shape, h.signature::VARCHAR AS signature,
    h.columns::VARCHAR AS columns, h.run_id
FROM published.neaptide.history AS h;

-- name: forget_lines
-- Say no more of these histories, or make room for their next lines.
DELETE FROM out.neaptide.history
WHERE table_name IN (SELECT unnest(from_json($names::JSON, '["VARCHAR"]')));

-- name: write_line
-- What there is to say of one history now.
INSERT INTO out.neaptide.history (table_name, begun, moment, forgotten, shape, signature, columns, run_id)
VALUES ($table_name, $begun, $moment, $forgotten, $shape, $signature::JSON, $columns::JSON, $run_id);

-- name: catch_up
-- These histories are as of the present rows of their tables: each as of the run that wrote its table's watermark.
UPDATE out.neaptide.history
SET run_id = (SELECT max(w.run_id) FROM out.neaptide.watermarks AS w WHERE w.table_name = history.table_name)
WHERE table_name IN (SELECT unnest(from_json($names::JSON, '["VARCHAR"]')));

-- name: read_dual
-- The tables that a dual write brought up to date last.
SELECT w.table_name
FROM out.neaptide.watermarks AS w
INNER JOIN out.neaptide.runs AS r ON w.run_id = r.run_id
WHERE r.kind = 'dual';

-- name: read_their_dual
-- The same of the published file.
SELECT w.table_name
FROM published.neaptide.watermarks AS w
INNER JOIN published.neaptide.runs AS r ON w.run_id = r.run_id
WHERE r.kind = 'dual';
