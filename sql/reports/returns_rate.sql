-- title: Returns by product
-- description: Of what was sold in the period, how much has come back since, by quantity and by amount.
-- include: _days
-- include: _sales
-- include: _returns_of_sales
-- instead: _models_returns_of_sales when from = none, to = none
-- param: from date = none | first day of sale counted
-- param: to date = none | last day of sale counted
-- param: min_sold integer >= 0 = 1 | products of which fewer were sold are left out
-- param: limit integer >= 0 = 20 | products shown per currency
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=sku y=rate_percent color=currency

, ranked AS (
    SELECT
        products.sku,
        total.*,
        ROW_NUMBER() OVER (
            PARTITION BY total.currency ORDER BY total.returned / total.sold DESC, total.returned DESC, products.sku
        ) AS position
    FROM total
    JOIN shop.products ON products.id = total.product_id
    WHERE total.sold >= $min_sold
)
SELECT
    currency,
    sku,
    sold,
    returned,
    ROUND(100 * returned / sold, 2) AS rate_percent,
    gross,
    returned_amount,
    ROUND(100 * returned_amount / gross, 2) AS amount_percent
FROM ranked
WHERE position <= $limit
ORDER BY currency, position
