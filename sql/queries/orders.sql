-- name: find_by_id
-- One order without its parts, with its customer's reference and name of today.
SELECT
    o.id, o.number, o.customer_id, c.reference, c.name AS customer, o.status, o.currency, o.total, o.paid, o.placed_at,
    o.paid_at, o.shipped_at, o.cancelled_at, o.version, o.created_at, o.updated_at
FROM shop.orders AS o
LEFT JOIN shop.customers AS c ON c.id = o.customer_id
WHERE o.id = $id

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

-- name: find_all
-- One page of all orders, or of a customer's, newest first.
SELECT
    o.id, o.number, o.customer_id, c.reference, c.name AS customer, o.status, o.currency, o.total, o.paid, o.placed_at,
    o.paid_at, o.shipped_at, o.cancelled_at, o.version, o.created_at, o.updated_at
FROM shop.orders AS o
LEFT JOIN shop.customers AS c ON c.id = o.customer_id
WHERE ($customer_id IS NULL OR o.customer_id = $customer_id) AND ($status IS NULL OR o.status = $status)
ORDER BY o.placed_at DESC, o.number DESC
LIMIT $limit OFFSET $offset

-- name: count_all
-- How many orders the same filter finds on all pages.
SELECT COUNT(*)
FROM shop.orders
WHERE ($customer_id IS NULL OR customer_id = $customer_id) AND ($status IS NULL OR status = $status)

-- name: named_by_id
-- The same of a read model: one order with its customer's names.
SELECT
    id, number, customer_id, reference, customer, status, currency, total, paid, placed_at, paid_at, shipped_at,
    cancelled_at, version, created_at, updated_at
FROM models.named_orders
WHERE id = $id

-- name: named_items_of
-- The same of a read model: the lines of one order with their products' names.
SELECT line_no, product_id, sku, product AS name, quantity, unit_price, line_total, returned_quantity
FROM models.order_lines
WHERE order_id = $id
ORDER BY line_no

-- name: named_find_all
-- The same of a read model: one page of orders with their customers' names.
SELECT
    id, number, customer_id, reference, customer, status, currency, total, paid, placed_at, paid_at, shipped_at,
    cancelled_at, version, created_at, updated_at
FROM models.named_orders
WHERE ($customer_id IS NULL OR customer_id = $customer_id) AND ($status IS NULL OR status = $status)
ORDER BY placed_at DESC, number DESC
LIMIT $limit OFFSET $offset
