-- name: find_by_id
-- One financing without its instalments.
SELECT id, order_id, principal, currency, monthly_rate, instalments, system, first_due_date, simulated_at
FROM shop.financings
WHERE id = $id

-- name: instalments_of
-- The instalments of one financing, first to last.
SELECT number, due_date, payment, principal, interest, balance
FROM shop.instalments
WHERE financing_id = $id
ORDER BY number
