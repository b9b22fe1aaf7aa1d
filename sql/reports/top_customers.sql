-- title: Top customers
-- description: The customers with the highest net sales of each currency.
-- include: _sales
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: limit integer = 10 | customers shown per currency
-- param: timezone timezone = UTC | where a day begins

, movement AS (
    SELECT customer_id, currency, day, order_id, line_total AS net FROM sold
    UNION ALL
    SELECT customer_id, currency, day, NULL, -amount FROM returned
),
total AS (
    SELECT customer_id, currency, COUNT(DISTINCT order_id) AS orders, SUM(net) AS net
    FROM movement
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
    GROUP BY customer_id, currency
),
ranked AS (
    SELECT
        total.currency, customers.reference, customers.name, customers.country, total.orders, total.net,
        ROW_NUMBER() OVER (PARTITION BY total.currency ORDER BY total.net DESC, customers.reference) AS position
    FROM total
    JOIN shop.customers ON customers.id = total.customer_id
)
SELECT position, currency, reference, name, country, orders, net
FROM ranked
WHERE position <= $limit
ORDER BY currency, position
