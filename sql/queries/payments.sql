-- name: of_order
-- Payments and refunds of one order, oldest first.
SELECT id, order_id, kind, amount, currency, method, paid_at
FROM shop.payments
WHERE order_id = $order_id
ORDER BY paid_at, id
