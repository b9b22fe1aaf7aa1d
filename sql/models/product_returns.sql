-- title: Returns per product
-- description: What came back of each product in all, by currency, without what belongs to cancelled orders.
-- require: incremental
SELECT
    i.product_id,
    o.currency,
    CAST(sum(r.quantity) AS BIGINT) AS quantity,
    CAST(sum(r.amount) AS DECIMAL(18, 2)) AS amount
FROM shop.order_returns AS r
JOIN shop.order_items AS i ON i.order_id = r.order_id AND i.line_no = r.line_no
JOIN shop.orders AS o ON o.id = r.order_id
WHERE o.status <> 'cancelled'
GROUP BY ALL
