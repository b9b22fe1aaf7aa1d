-- name: find_by_id
-- One customer.
SELECT id, reference, name, street, city, postal_code, country, version, created_at, updated_at
FROM shop.customers
WHERE id = $id

-- name: find_all
-- One page of customers; {order_by} comes from the list of sort keys in app/queries/customers.py.
SELECT id, reference, name, street, city, postal_code, country, version, created_at, updated_at
FROM shop.customers
WHERE ($country IS NULL OR country = $country)
    AND ($text IS NULL OR contains(lower(reference), lower($text)) OR contains(lower(name), lower($text)))
ORDER BY {order_by}
LIMIT $limit OFFSET $offset

-- name: count_all
-- How many customers the same filter finds on all pages.
SELECT COUNT(*)
FROM shop.customers
WHERE ($country IS NULL OR country = $country)
    AND ($text IS NULL OR contains(lower(reference), lower($text)) OR contains(lower(name), lower($text)))
