-- The same of read models, for all days and of the customers alone that can be shown.
WITH whole AS (
    SELECT
        COALESCE(sales.customer_id, returns.customer_id) AS customer_id,
        COALESCE(sales.currency, returns.currency) AS currency,
        COALESCE(sales.orders, 0) AS orders,
        CAST(COALESCE(sales.gross, 0) - COALESCE(returns.amount, 0) AS DECIMAL(38, 2)) AS net
    FROM models.customer_sales AS sales
    FULL JOIN models.customer_returns AS returns
        ON returns.customer_id = sales.customer_id AND returns.currency = sales.currency
    WHERE COALESCE(sales.customer_id, returns.customer_id) IN (SELECT id FROM shop.customers)
),
-- The net of the last place of each currency. To sort all customers by net and reference, and to have their names
-- beside them, takes three times as long as all else.
least AS (
    SELECT currency, MIN(net) AS net
    FROM (
        SELECT currency, net, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY net DESC) AS position FROM whole
    ) AS placed
    WHERE position <= $limit
    GROUP BY currency
),
account AS (
    SELECT whole.customer_id, whole.currency, whole.orders, whole.net
    FROM whole
    JOIN least ON least.currency = whole.currency AND whole.net >= least.net
)
