-- The same of read models, for all days.
WITH total AS (
    SELECT
        sales.product_id,
        sales.currency,
        CAST(sales.quantity AS HUGEINT) AS sold,
        CAST(COALESCE(returns.quantity, 0) AS HUGEINT) AS returned,
        CAST(sales.gross AS DECIMAL(38, 2)) AS gross,
        CAST(COALESCE(returns.amount, 0) AS DECIMAL(38, 2)) AS returned_amount
    FROM models.product_sales AS sales
    LEFT JOIN models.product_returns AS returns
        ON returns.product_id = sales.product_id AND returns.currency = sales.currency
)
