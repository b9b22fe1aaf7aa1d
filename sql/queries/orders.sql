-- name: find_by_id
-- One order without its parts.
SELECT
    id, number, customer_id, status, currency, total, paid, placed_at, paid_at, shipped_at, cancelled_at, version,
    created_at, updated_at
FROM shop.orders
WHERE id = $id

-- name: items_of
-- The lines of one order, with the product's sku and name of today.
SELECT
    order_items.line_no,
    order_items.product_id,
    products.sku,
    products.name,
    order_items.quantity,
    order_items.unit_price,
    order_items.line_total,
    order_items.returned_quantity
FROM shop.order_items
LEFT JOIN shop.products ON products.id = order_items.product_id
WHERE order_items.order_id = $id
ORDER BY order_items.line_no

-- name: returns_of
-- What came back of one order, oldest first.
SELECT id, line_no, quantity, amount, returned_at, reference
FROM shop.order_returns
WHERE order_id = $id
ORDER BY returned_at, id

-- name: of_customer
-- One page of a customer's orders, newest first.
SELECT
    id, number, customer_id, status, currency, total, paid, placed_at, paid_at, shipped_at, cancelled_at, version,
    created_at, updated_at
FROM shop.orders
WHERE customer_id = $customer_id AND ($status IS NULL OR status = $status)
ORDER BY placed_at DESC, number DESC
LIMIT $limit OFFSET $offset

-- name: count_of_customer
-- How many orders the customer has on all pages.
SELECT COUNT(*)
FROM shop.orders
WHERE customer_id = $customer_id AND ($status IS NULL OR status = $status)
