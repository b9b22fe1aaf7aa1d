-- title: Top products
-- description: The products with the highest net sales of each currency.
-- include: _days
-- include: _sales
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: limit integer >= 0 = 10 | products shown per currency
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=name y=net color=currency

, movement AS (
    SELECT product_id, currency, day, quantity, line_total AS gross, CAST(0 AS DECIMAL(14, 2)) AS returned
    FROM sold
    UNION ALL
    SELECT
        order_items.product_id, returned.currency, returned.day, -returned.quantity, CAST(0 AS DECIMAL(14, 2)),
        returned.amount
    FROM returned
    JOIN shop.order_items ON order_items.order_id = returned.order_id AND order_items.line_no = returned.line_no
),
total AS (
    SELECT
        product_id, currency, SUM(quantity) AS quantity, SUM(gross) AS gross, SUM(returned) AS returned,
        SUM(gross - returned) AS net
    FROM movement
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
    GROUP BY product_id, currency
),
ranked AS (
    SELECT
        total.currency, products.sku, products.name, total.quantity, total.gross, total.returned, total.net,
        ROW_NUMBER() OVER (PARTITION BY total.currency ORDER BY total.net DESC, products.sku) AS position
    FROM total
    JOIN shop.products ON products.id = total.product_id
)
SELECT position, currency, sku, name, quantity, gross, returned, net
FROM ranked
WHERE position <= $limit
ORDER BY currency, position
