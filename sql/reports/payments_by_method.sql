-- title: Payments by method
-- description: Money in and refunds out of every month, by method of payment.
-- include: _days
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=month y=net color=method,currency

-- Days come before months, so that the month is worked out of each day and not of each payment.
, daily AS (
    SELECT
        day,
        currency,
        method,
        COUNT(*) FILTER (WHERE kind = 'payment') AS payments,
        COALESCE(SUM(amount) FILTER (WHERE kind = 'payment'), 0) AS paid,
        COUNT(*) FILTER (WHERE kind = 'refund') AS refunds,
        COALESCE(SUM(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded,
        SUM(CASE WHEN kind = 'payment' THEN amount ELSE -amount END) AS net
    FROM dated_payment
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
    GROUP BY day, currency, method
)
SELECT
    CAST(date_trunc('month', day) AS DATE) AS month,
    currency,
    method,
    CAST(SUM(payments) AS BIGINT) AS payments,
    SUM(paid) AS paid,
    CAST(SUM(refunds) AS BIGINT) AS refunds,
    SUM(refunded) AS refunded,
    SUM(net) AS net
FROM daily
GROUP BY month, currency, method
ORDER BY month, currency, method
