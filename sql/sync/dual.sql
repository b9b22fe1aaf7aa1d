-- name: allowed
-- How many transactions may be prepared at a time.
SELECT s.setting::integer AS allowed
FROM pg_settings AS s
WHERE s.name = 'max_prepared_transactions';

-- name: pending
-- The prepared transactions of this database whose names begin so: those of one target, and no stranger's.
SELECT p.gid
FROM pg_prepared_xacts AS p
WHERE
    p.database = current_database()
    AND left(p.gid, length(%(prefix)s)) = %(prefix)s
ORDER BY p.prepared;

-- name: written
-- The runs of dual writes that the file holds; DuckDB's.
SELECT r.run_id FROM out.neaptide.runs AS r WHERE r.kind = 'dual';

-- name: fire_deferred
-- What is deferred to the commit happens now.
SET CONSTRAINTS ALL IMMEDIATE;
