-- title: Order lines
-- description: One row per order line, with its order, its customer and its product as they are today.
-- key: order_id, line_no
-- require: incremental
SELECT
    i.order_id,
    i.line_no,
    o.number,
    o.status,
    o.currency,
    o.placed_at,
    o.customer_id,
    c.reference AS customer_reference,
    c.name AS customer,
    c.country,
    i.product_id,
    p.sku,
    p.name AS product,
    i.quantity,
    i.unit_price,
    i.line_total,
    i.returned_quantity
FROM shop.order_items AS i
LEFT JOIN shop.orders AS o ON o.id = i.order_id
LEFT JOIN shop.customers AS c ON c.id = o.customer_id
LEFT JOIN shop.products AS p ON p.id = i.product_id
