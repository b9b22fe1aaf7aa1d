-- title: Payments per day
-- description: Money in and refunds out on each day of UTC, by currency and method.
-- require: incremental
SELECT
    CAST(make_timestamp(epoch_us(p.paid_at)) AS DATE) AS day,
    p.currency,
    p.method,
    count(*) FILTER (WHERE p.kind = 'payment') AS payments,
    CAST(sum(p.amount) FILTER (WHERE p.kind = 'payment') AS DECIMAL(18, 2)) AS paid,
    count(*) FILTER (WHERE p.kind <> 'payment') AS refunds,
    CAST(sum(p.amount) FILTER (WHERE p.kind <> 'payment') AS DECIMAL(18, 2)) AS refunded
FROM shop.payments AS p
GROUP BY ALL
