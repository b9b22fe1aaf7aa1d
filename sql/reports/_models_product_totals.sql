-- The same of read models, for all days.
WITH total AS (
    SELECT
        product_id, currency, SUM(quantity) AS quantity, SUM(gross) AS gross, SUM(returned) AS returned,
        SUM(gross - returned) AS net
    FROM (
        SELECT product_id, currency, quantity, gross, CAST(0 AS DECIMAL(18, 2)) AS returned FROM models.product_sales
        UNION ALL
        SELECT product_id, currency, -quantity, CAST(0 AS DECIMAL(18, 2)), amount FROM models.product_returns
    ) AS movement
    GROUP BY product_id, currency
)
