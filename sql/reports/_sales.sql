-- What counts as a sale and as a return, for every report that includes this.
-- A cancelled order is no sale, nor are its returns. A sale has the day its order was placed, a return the day it came
-- back. Days are those of the time zone asked for.
-- Orders are read again where they are used again: that is shorter than to put them all into a table first, and of a
-- period's orders only they are looked at.
, kept_order AS NOT MATERIALIZED (
    SELECT id, customer_id, currency, day
    FROM dated_order
    WHERE status <> 'cancelled'
),
-- One row per line. For reports about products; the others take `sale`.
sold AS (
    SELECT
        kept_order.id AS order_id,
        kept_order.currency,
        kept_order.day,
        order_items.line_no,
        order_items.product_id,
        order_items.quantity,
        order_items.line_total
    FROM kept_order
    JOIN shop.order_items ON order_items.order_id = kept_order.id
),
-- One row per order that has lines. Lines are summed before they meet their order: that joins a quarter of the rows,
-- and orders need no COUNT(DISTINCT).
sale AS (
    SELECT kept_order.id AS order_id, kept_order.customer_id, kept_order.currency, kept_order.day, basket.gross
    FROM kept_order
    JOIN (
        SELECT order_id, SUM(line_total) AS gross
        FROM shop.order_items
        GROUP BY order_id
    ) AS basket ON basket.order_id = kept_order.id
),
-- Which product came back only its line knows; the others do without looking it up among all lines.
returned AS (
    SELECT
        kept_order.customer_id,
        kept_order.currency,
        dated_return.day,
        dated_return.order_id,
        dated_return.line_no,
        dated_return.quantity,
        dated_return.amount
    FROM kept_order
    JOIN dated_return ON dated_return.order_id = kept_order.id
)
