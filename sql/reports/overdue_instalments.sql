-- title: Overdue instalments
-- description: Instalments past their due date that the payments on the order don't cover yet, oldest first.
-- param: on date = today | instalments due before this day are overdue
-- param: limit integer >= 0 = 50 | instalments shown per currency
-- chart: none

-- An order may have been simulated several times; its newest financing is the one that counts.
WITH agreed AS (
    SELECT financings.id, financings.order_id
    FROM shop.financings
    WHERE financings.order_id IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY financings.order_id ORDER BY financings.simulated_at DESC, financings.id DESC
    ) = 1
),
-- Payments settle the oldest principal first: an instalment is settled once all principal up to it is paid.
owed AS (
    SELECT
        agreed.order_id,
        instalments.number,
        instalments.due_date,
        instalments.payment,
        SUM(instalments.principal) OVER (
            PARTITION BY instalments.financing_id ORDER BY instalments.number
        ) AS principal_due
    FROM agreed
    JOIN shop.instalments ON instalments.financing_id = agreed.id
),
overdue AS (
    SELECT
        orders.number AS order_number,
        customers.reference AS customer,
        orders.currency,
        owed.number,
        owed.due_date,
        date_diff('day', owed.due_date, CAST($on AS DATE)) AS days_late,
        owed.payment,
        owed.principal_due,
        orders.paid,
        ROW_NUMBER() OVER (
            PARTITION BY orders.currency ORDER BY owed.due_date, orders.number, owed.number
        ) AS position
    FROM owed
    JOIN shop.orders ON orders.id = owed.order_id
    JOIN shop.customers ON customers.id = orders.customer_id
    WHERE orders.status <> 'cancelled' AND owed.due_date < CAST($on AS DATE) AND owed.principal_due > orders.paid
)
SELECT order_number, customer, currency, number, due_date, days_late, payment, principal_due, paid
FROM overdue
WHERE position <= $limit
ORDER BY currency, position
