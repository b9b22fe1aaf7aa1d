-- name: product
-- The id behind what people call a product.
SELECT id FROM shop.products WHERE sku = :name;

-- name: customer
-- The id behind what other systems call a customer.
SELECT id FROM shop.customers WHERE reference = :name;

-- name: order
-- The id behind the number on an order.
SELECT id FROM shop.orders WHERE number = :name;
