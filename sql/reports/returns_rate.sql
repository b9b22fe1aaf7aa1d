-- title: Returns by product
-- description: Of what was sold in the period, how much has come back since, by quantity and by amount.
-- include: _days
-- include: _sales
-- param: from date = none | first day of sale counted
-- param: to date = none | last day of sale counted
-- param: min_sold integer >= 0 = 1 | products of which fewer were sold are left out
-- param: limit integer >= 0 = 20 | products shown per currency
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=sku y=rate_percent color=currency

-- Whether their order was cancelled is known once they meet the line that was sold.
, brought_back AS (
    SELECT order_id, line_no, SUM(quantity) AS quantity, SUM(amount) AS amount
    FROM shop.order_returns
    GROUP BY order_id, line_no
),
total AS (
    SELECT
        sold.product_id,
        sold.currency,
        SUM(sold.quantity) AS sold,
        COALESCE(SUM(brought_back.quantity), 0) AS returned,
        SUM(sold.line_total) AS gross,
        COALESCE(SUM(brought_back.amount), 0) AS returned_amount
    FROM sold
    LEFT JOIN brought_back ON brought_back.order_id = sold.order_id AND brought_back.line_no = sold.line_no
    WHERE ($from IS NULL OR sold.day >= CAST($from AS DATE)) AND ($to IS NULL OR sold.day <= CAST($to AS DATE))
    GROUP BY sold.product_id, sold.currency
    HAVING SUM(sold.quantity) >= $min_sold
),
ranked AS (
    SELECT
        products.sku,
        total.*,
        ROW_NUMBER() OVER (
            PARTITION BY total.currency ORDER BY total.returned / total.sold DESC, total.returned DESC, products.sku
        ) AS position
    FROM total
    JOIN shop.products ON products.id = total.product_id
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
