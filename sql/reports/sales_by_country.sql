-- title: Sales by country
-- description: Customers, orders and net sales by the customer's country, with its share of the currency's net sales.
-- include: _sales
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins

, movement AS (
    SELECT customer_id, currency, day, order_id, line_total AS gross, CAST(0 AS DECIMAL(14, 2)) AS returned FROM sold
    UNION ALL
    SELECT customer_id, currency, day, NULL, CAST(0 AS DECIMAL(14, 2)), amount FROM returned
),
total AS (
    SELECT
        customers.country,
        movement.currency,
        COUNT(DISTINCT customers.id) FILTER (WHERE movement.order_id IS NOT NULL) AS customers,
        COUNT(DISTINCT movement.order_id) AS orders,
        SUM(movement.gross) AS gross,
        SUM(movement.returned) AS returned,
        SUM(movement.gross - movement.returned) AS net
    FROM movement
    JOIN shop.customers ON customers.id = movement.customer_id
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
    GROUP BY customers.country, movement.currency
)
SELECT
    country, currency, customers, orders, gross, returned, net,
    ROUND(100 * net / NULLIF(SUM(net) OVER (PARTITION BY currency), 0), 2) AS share_percent
FROM total
ORDER BY currency, net DESC, country
