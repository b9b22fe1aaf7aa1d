-- title: Sales per customer
-- description: Orders and what each customer bought in all, by currency, without cancelled orders.
-- require: incremental
SELECT
    o.customer_id,
    o.currency,
    count(DISTINCT o.id) AS orders,
    CAST(sum(i.line_total) AS DECIMAL(18, 2)) AS gross
FROM shop.order_items AS i
JOIN shop.orders AS o ON o.id = i.order_id
WHERE o.status <> 'cancelled'
GROUP BY ALL
