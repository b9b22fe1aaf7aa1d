-- title: New and returning customers
-- description: Orders and gross sales of every month, split into customers' first orders and later ones.
-- include: _days
-- include: _sales
-- param: from date = none | the first month shown is the one of this day
-- param: to date = none | the last month shown is the one of this day
-- param: timezone timezone = UTC | where a month begins
-- chart: area x=month y=first_gross,later_gross color=currency

, first_moment AS (
    SELECT customer_id, MIN(placed_at) AS placed_at
    FROM shop.orders
    WHERE status <> 'cancelled'
    GROUP BY customer_id
),
-- Numbering only the orders of a customer's first moment is much less to sort than numbering all.
first_order AS (
    SELECT orders.id AS order_id
    FROM shop.orders
    JOIN first_moment
        ON first_moment.customer_id = orders.customer_id AND first_moment.placed_at = orders.placed_at
    WHERE orders.status <> 'cancelled'
    QUALIFY ROW_NUMBER() OVER (PARTITION BY orders.customer_id ORDER BY orders.number) = 1
),
dated AS (
    SELECT
        CAST(date_trunc('month', sale.day) AS DATE) AS month,
        sale.currency,
        first_order.order_id IS NOT NULL AS is_first,
        sale.gross
    FROM sale
    LEFT JOIN first_order ON first_order.order_id = sale.order_id
)
SELECT
    month,
    currency,
    COUNT(*) FILTER (WHERE is_first) AS first_orders,
    COALESCE(SUM(gross) FILTER (WHERE is_first), 0) AS first_gross,
    COUNT(*) FILTER (WHERE NOT is_first) AS later_orders,
    COALESCE(SUM(gross) FILTER (WHERE NOT is_first), 0) AS later_gross
FROM dated
WHERE ($from IS NULL OR month >= date_trunc('month', CAST($from AS DATE)))
    AND ($to IS NULL OR month <= CAST($to AS DATE))
GROUP BY month, currency
ORDER BY month, currency
