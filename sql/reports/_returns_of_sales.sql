-- What was sold of each product in the period and what has come back of that, by currency.
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
)
