-- name: product_by_sku
-- The id behind what people call a product.
SELECT id FROM shop.products WHERE sku = ?

-- name: customer_by_reference
-- The id behind what other systems call a customer.
SELECT id FROM shop.customers WHERE reference = ?

-- name: order_by_number
-- The id behind the number on an order.
SELECT id FROM shop.orders WHERE number = ?
