-- title: Returns per day
-- description: What came back on each day of UTC, by currency, without what belongs to cancelled orders.
-- require: incremental
SELECT
    CAST(make_timestamp(epoch_us(r.returned_at)) AS DATE) AS day,
    o.currency,
    CAST(sum(r.amount) AS DECIMAL(18, 2)) AS amount
FROM shop.order_returns AS r
JOIN shop.orders AS o ON o.id = r.order_id
WHERE o.status <> 'cancelled'
GROUP BY ALL
