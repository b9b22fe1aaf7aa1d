-- name: register
-- Take in a source once.
INSERT INTO shop.imports (source) VALUES (:source) ON CONFLICT (source) DO NOTHING

-- name: find
-- How far a source has come.
SELECT id, done FROM shop.imports WHERE source = :source

-- name: advance
-- Move on, if nobody else did: the row stays locked until the orders of this step are committed.
UPDATE shop.imports SET done = :done, updated_at = clock_timestamp() WHERE id = :id AND done = :expected

-- name: rejected
-- The lines that were not accepted.
SELECT line_no FROM shop.import_verdicts WHERE import_id = :id AND verdict <> 'accepted'

-- name: summary
-- Lines and amounts by verdict.
SELECT verdict, COUNT(*) AS lines, COALESCE(SUM(amount), 0) AS amount
FROM shop.import_verdicts
WHERE import_id = :id
GROUP BY verdict
ORDER BY verdict = 'accepted' DESC, lines DESC, verdict

-- name: products
-- The products that are there already.
SELECT sku, id FROM shop.products

-- name: customers
-- The customers that are there already.
SELECT reference, id, country FROM shop.customers
