-- title: Top products
-- description: The products with the highest net sales of each currency.
-- include: _days
-- include: _sales
-- include: _product_totals
-- instead: _models_product_totals when from = none, to = none
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: limit integer >= 0 = 10 | products shown per currency
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=name y=net color=currency

, ranked AS (
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
