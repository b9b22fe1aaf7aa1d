-- title: New and returning customers
-- description: Orders and gross sales of every month, split into customers' first orders and later ones.
-- include: _sales
-- param: from date = none | the first month shown is the one of this day
-- param: to date = none | the last month shown is the one of this day
-- param: timezone timezone = UTC | where a month begins

, first_order AS (
    SELECT id AS order_id
    FROM shop.orders
    WHERE status <> 'cancelled'
    QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY placed_at, number) = 1
),
dated AS (
    SELECT
        CAST(date_trunc('month', sold.day) AS DATE) AS month,
        sold.currency,
        sold.order_id,
        first_order.order_id IS NOT NULL AS is_first,
        sold.line_total
    FROM sold
    LEFT JOIN first_order ON first_order.order_id = sold.order_id
)
SELECT
    month,
    currency,
    COUNT(DISTINCT order_id) FILTER (WHERE is_first) AS first_orders,
    COALESCE(SUM(line_total) FILTER (WHERE is_first), 0) AS first_gross,
    COUNT(DISTINCT order_id) FILTER (WHERE NOT is_first) AS later_orders,
    COALESCE(SUM(line_total) FILTER (WHERE NOT is_first), 0) AS later_gross
FROM dated
WHERE ($from IS NULL OR month >= date_trunc('month', CAST($from AS DATE)))
    AND ($to IS NULL OR month <= CAST($to AS DATE))
GROUP BY month, currency
ORDER BY month, currency
