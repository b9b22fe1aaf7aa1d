-- title: Sales per product
-- description: What was sold of each product in all, by currency, without cancelled orders.
-- require: incremental
SELECT
    i.product_id,
    o.currency,
    CAST(sum(i.quantity) AS BIGINT) AS quantity,
    CAST(sum(i.line_total) AS DECIMAL(18, 2)) AS gross
FROM shop.order_items AS i
JOIN shop.orders AS o ON o.id = i.order_id
WHERE o.status <> 'cancelled'
GROUP BY ALL
