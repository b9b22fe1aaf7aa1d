-- What counts as a sale and as a return, for every report that includes this.
-- A cancelled order is no sale, nor are its returns. A sale has the day its order was placed, a return the day it came
-- back. Days are those of the time zone asked for.
WITH sold AS (
    SELECT
        orders.id AS order_id,
        orders.customer_id,
        orders.currency,
        CAST(orders.placed_at AT TIME ZONE $timezone AS DATE) AS day,
        order_items.line_no,
        order_items.product_id,
        order_items.quantity,
        order_items.line_total
    FROM shop.orders
    JOIN shop.order_items ON order_items.order_id = orders.id
    WHERE orders.status <> 'cancelled'
),
returned AS (
    SELECT
        orders.id AS order_id,
        orders.customer_id,
        orders.currency,
        CAST(order_returns.returned_at AT TIME ZONE $timezone AS DATE) AS day,
        order_returns.line_no,
        order_items.product_id,
        order_returns.quantity,
        order_returns.amount
    FROM shop.orders
    JOIN shop.order_returns ON order_returns.order_id = orders.id
    JOIN shop.order_items
        ON order_items.order_id = order_returns.order_id AND order_items.line_no = order_returns.line_no
    WHERE orders.status <> 'cancelled'
)
