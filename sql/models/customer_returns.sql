-- title: Returns per customer
-- description: What each customer sent back in all, by currency, without what belongs to cancelled orders.
-- require: incremental
SELECT
    o.customer_id,
    o.currency,
    CAST(sum(r.amount) AS DECIMAL(18, 2)) AS amount
FROM shop.order_returns AS r
JOIN shop.orders AS o ON o.id = r.order_id
WHERE o.status <> 'cancelled'
GROUP BY ALL
