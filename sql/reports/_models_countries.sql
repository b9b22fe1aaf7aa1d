-- The same of read models, for all days: of each a country's customers are summed before the two meet.
WITH total AS (
    SELECT
        country, currency, CAST(SUM(customers) AS BIGINT) AS customers, CAST(SUM(orders) AS BIGINT) AS orders,
        SUM(gross) AS gross, SUM(returned) AS returned, SUM(gross) - SUM(returned) AS net
    FROM (
        SELECT
            customers.country, sales.currency, COUNT(*) AS customers, SUM(sales.orders) AS orders,
            SUM(sales.gross) AS gross, CAST(0 AS DECIMAL(18, 2)) AS returned
        FROM models.customer_sales AS sales
        JOIN shop.customers ON customers.id = sales.customer_id
        GROUP BY customers.country, sales.currency
        UNION ALL
        SELECT customers.country, returns.currency, 0, 0, CAST(0 AS DECIMAL(18, 2)), SUM(returns.amount)
        FROM models.customer_returns AS returns
        JOIN shop.customers ON customers.id = returns.customer_id
        GROUP BY customers.country, returns.currency
    ) AS movement
    GROUP BY country, currency
)
