-- What was sold and what came back on each day, by currency, for every report that includes this.
, movement AS (
    SELECT day, currency, order_id, gross, CAST(0 AS DECIMAL(14, 2)) AS returned FROM sale
    UNION ALL
    SELECT day, currency, NULL, CAST(0 AS DECIMAL(14, 2)), amount FROM returned
),
daily AS (
    SELECT day, currency, COUNT(order_id) AS orders, SUM(gross) AS gross, SUM(returned) AS returned
    FROM movement
    GROUP BY day, currency
)
