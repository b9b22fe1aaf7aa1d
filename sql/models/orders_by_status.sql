-- title: Orders by status
-- description: How many orders stand where, what they come to and what has been paid on them.
-- require: incremental
SELECT
    o.currency,
    o.status,
    count(*) AS orders,
    CAST(sum(o.total) AS DECIMAL(18, 2)) AS total,
    CAST(sum(o.paid) AS DECIMAL(18, 2)) AS paid
FROM shop.orders AS o
GROUP BY ALL
