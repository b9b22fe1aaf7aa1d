-- title: Orders with names
-- description: One row per order, with its customer's reference and name of today.
-- key: id
-- require: incremental
SELECT
    o.id, o.number, o.customer_id, c.reference, c.name AS customer, o.status, o.currency, o.total, o.paid, o.placed_at,
    o.paid_at, o.shipped_at, o.cancelled_at, o.version, o.created_at, o.updated_at
FROM shop.orders AS o
LEFT JOIN shop.customers AS c ON c.id = o.customer_id
