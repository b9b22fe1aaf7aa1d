-- What the customers of each country bought and returned, by currency.
, total AS (
    SELECT
        customers.country,
        account.currency,
        COUNT(*) FILTER (WHERE account.orders > 0) AS customers,
        CAST(SUM(account.orders) AS BIGINT) AS orders,
        SUM(account.gross) AS gross,
        SUM(account.returned) AS returned,
        SUM(account.net) AS net
    FROM account
    JOIN shop.customers ON customers.id = account.customer_id
    GROUP BY customers.country, account.currency
)
