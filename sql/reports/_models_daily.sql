-- The same of read models, which have a row for each day of UTC.
WITH daily AS (
    SELECT day, currency, CAST(SUM(orders) AS BIGINT) AS orders, SUM(gross) AS gross, SUM(returned) AS returned
    FROM (
        SELECT day, currency, orders, gross, CAST(0 AS DECIMAL(14, 2)) AS returned FROM models.sales_per_day
        UNION ALL
        SELECT day, currency, 0, CAST(0 AS DECIMAL(14, 2)), amount FROM models.returns_per_day
    ) AS movement
    GROUP BY day, currency
)
