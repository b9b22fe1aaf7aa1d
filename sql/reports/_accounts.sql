-- What each customer bought and returned in the period, by currency, for every report that includes this.
, bought_order AS (
    SELECT id, customer_id, currency
    FROM kept_order
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
),
-- For a period only its orders' lines are summed. Without one that would be looking up every line for nothing.
basket AS (
    SELECT order_id, SUM(line_total) AS gross
    FROM shop.order_items
    WHERE $from IS NULL AND $to IS NULL
    GROUP BY order_id
    UNION ALL
    SELECT order_id, SUM(line_total) AS gross
    FROM shop.order_items
    WHERE ($from IS NOT NULL OR $to IS NOT NULL) AND order_id IN (SELECT id FROM bought_order)
    GROUP BY order_id
),
movement AS (
    SELECT
        bought_order.customer_id, bought_order.currency, basket.order_id, basket.gross,
        CAST(0 AS DECIMAL(14, 2)) AS returned
    FROM bought_order
    JOIN basket ON basket.order_id = bought_order.id
    UNION ALL
    SELECT customer_id, currency, NULL, CAST(0 AS DECIMAL(14, 2)), amount
    FROM returned
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
),
account AS (
    SELECT
        customer_id, currency, COUNT(order_id) AS orders, SUM(gross) AS gross, SUM(returned) AS returned,
        SUM(gross) - SUM(returned) AS net
    FROM movement
    GROUP BY customer_id, currency
)
