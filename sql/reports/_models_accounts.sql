-- The same of read models, for all days.
WITH account AS (
    SELECT
        customer_id, currency, CAST(SUM(orders) AS BIGINT) AS orders, SUM(gross) AS gross, SUM(returned) AS returned,
        SUM(gross) - SUM(returned) AS net
    FROM (
        SELECT customer_id, currency, orders, gross, CAST(0 AS DECIMAL(14, 2)) AS returned FROM models.customer_sales
        UNION ALL
        SELECT customer_id, currency, 0, CAST(0 AS DECIMAL(14, 2)), amount FROM models.customer_returns
    ) AS movement
    GROUP BY customer_id, currency
)
