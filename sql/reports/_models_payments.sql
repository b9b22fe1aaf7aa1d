-- The same of a read model, which has a row for each day of UTC.
WITH daily AS (
    SELECT
        day, currency, method, payments, COALESCE(paid, 0) AS paid, refunds, COALESCE(refunded, 0) AS refunded,
        COALESCE(paid, 0) - COALESCE(refunded, 0) AS net
    FROM models.payments_per_day
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
)
