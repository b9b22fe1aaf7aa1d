-- name: find_by_id
-- One product.
SELECT id, sku, name, unit_price, currency, status, version, created_at, updated_at
FROM shop.products
WHERE id = $id

-- name: find_all
-- One page of products; {order_by} comes from the list of sort keys in app/queries/products.py.
SELECT id, sku, name, unit_price, currency, status, version, created_at, updated_at
FROM shop.products
WHERE ($status IS NULL OR status = $status)
    AND ($currency IS NULL OR currency = $currency)
    AND ($text IS NULL OR contains(lower(sku), lower($text)) OR contains(lower(name), lower($text)))
ORDER BY {order_by}
LIMIT $limit OFFSET $offset

-- name: count_all
-- How many products the same filter finds on all pages.
SELECT COUNT(*)
FROM shop.products
WHERE ($status IS NULL OR status = $status)
    AND ($currency IS NULL OR currency = $currency)
    AND ($text IS NULL OR contains(lower(sku), lower($text)) OR contains(lower(name), lower($text)))
