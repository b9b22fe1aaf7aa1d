-- title: Receivables
-- description: Every order that is not paid in full: total, payments, what is owed, and for how long.
-- include: _days
-- include: _owed
-- param: on date = today | the day that the age is counted to; amounts are those of now
-- param: timezone timezone = UTC | where a day begins
-- param: limit integer >= 0 = 50 | orders shown per currency, oldest first
-- chart: none

, ranked AS (
    SELECT
        aged.*,
        customers.reference,
        ROW_NUMBER() OVER (PARTITION BY aged.currency ORDER BY aged.placed_at, aged.number) AS position
    FROM aged
    JOIN shop.customers ON customers.id = aged.customer_id
)
SELECT number, reference AS customer, currency, total, paid, owed, days, bucket
FROM ranked
WHERE position <= $limit
ORDER BY currency, position
