-- title: Orders by status
-- description: How many orders stand where, what they come to and what has been paid on them.
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins

WITH dated AS (
    SELECT CAST(placed_at AT TIME ZONE $timezone AS DATE) AS day, status, currency, total, paid
    FROM shop.orders
)
SELECT currency, status, COUNT(*) AS orders, SUM(total) AS total, SUM(paid) AS paid
FROM dated
WHERE ($from IS NULL OR day >= CAST($from AS DATE)) AND ($to IS NULL OR day <= CAST($to AS DATE))
GROUP BY currency, status
ORDER BY currency, array_position(['open', 'paid', 'shipped', 'cancelled'], status)
