-- title: Bought together
-- description: Pairs of products in one order: support, confidence both ways, and lift (above 1: more than by chance).
-- include: _days
-- include: _sales
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: min_orders integer >= 0 = 5 | orders that must hold both products
-- param: limit integer >= 0 = 20 | pairs shown
-- param: timezone timezone = UTC | where a day begins

, basket AS MATERIALIZED (
    SELECT DISTINCT order_id, product_id
    FROM sold
    WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
),
-- A pair can't be more frequent than its rarer product, so rare products are dropped before orders are paired with
-- themselves; what is left gets small numbers, which group faster than UUIDs. The numbers follow the ids: `entry` is
-- joined with itself, and numbers in no stated order could differ between its two sides.
frequent AS (
    SELECT product_id, COUNT(*) AS orders, CAST(ROW_NUMBER() OVER (ORDER BY product_id) AS INTEGER) AS place
    FROM basket
    GROUP BY product_id
    HAVING COUNT(*) >= $min_orders
),
entry AS MATERIALIZED (
    SELECT dense.place AS basket, frequent.place
    FROM basket
    JOIN frequent ON frequent.product_id = basket.product_id
    JOIN (
        SELECT order_id, CAST(ROW_NUMBER() OVER (ORDER BY order_id) AS INTEGER) AS place
        FROM (SELECT DISTINCT order_id FROM basket) AS held
    ) AS dense ON dense.order_id = basket.order_id
),
pair AS (
    SELECT one.place AS first_place, other.place AS second_place, COUNT(*) AS orders
    FROM entry AS one
    JOIN entry AS other ON other.basket = one.basket AND other.place > one.place
    GROUP BY one.place, other.place
    HAVING COUNT(*) >= $min_orders
),
named AS (
    SELECT frequent.place, frequent.orders, products.sku
    FROM frequent
    JOIN shop.products ON products.id = frequent.product_id
),
-- Which of the two comes first is a matter of the sku, not of the id.
sorted AS (
    SELECT
        LEAST(one.sku, other.sku) AS product_a,
        GREATEST(one.sku, other.sku) AS product_b,
        pair.orders,
        CASE WHEN one.sku < other.sku THEN one.orders ELSE other.orders END AS orders_a,
        CASE WHEN one.sku < other.sku THEN other.orders ELSE one.orders END AS orders_b,
        (SELECT COUNT(DISTINCT order_id) FROM basket) AS baskets
    FROM pair
    JOIN named AS one ON one.place = pair.first_place
    JOIN named AS other ON other.place = pair.second_place
)
SELECT
    product_a,
    product_b,
    orders,
    ROUND(orders / baskets, 6) AS support,
    ROUND(orders / orders_a, 4) AS confidence_ab,
    ROUND(orders / orders_b, 4) AS confidence_ba,
    ROUND(CAST(orders AS DOUBLE) * baskets / (CAST(orders_a AS DOUBLE) * orders_b), 4) AS lift
FROM sorted
ORDER BY orders DESC, product_a, product_b
LIMIT GREATEST($limit, 0)
