-- title: Sales per day
-- description: Orders and what was sold on each day of UTC, by currency, without cancelled orders.
-- require: incremental
SELECT
    CAST(make_timestamp(epoch_us(o.placed_at)) AS DATE) AS day,
    o.currency,
    count(DISTINCT o.id) AS orders,
    CAST(sum(i.line_total) AS DECIMAL(18, 2)) AS gross
FROM shop.order_items AS i
JOIN shop.orders AS o ON o.id = i.order_id
WHERE o.status <> 'cancelled'
GROUP BY ALL
