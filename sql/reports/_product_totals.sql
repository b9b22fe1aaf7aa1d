-- What was sold of each product in the period and what came back in it, by currency.
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
)
