-- Money in and refunds out on each day of the period, by currency and method.
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
