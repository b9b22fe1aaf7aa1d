-- title: Top customers
-- description: The customers with the highest net sales of each currency.
-- include: _days
-- include: _sales
-- include: _accounts
-- instead: _models_best_accounts when from = none, to = none
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: limit integer >= 0 = 10 | customers shown per currency
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=name y=net color=currency

, ranked AS (
    SELECT
        account.currency, customers.reference, customers.name, customers.country, account.orders, account.net,
        ROW_NUMBER() OVER (PARTITION BY account.currency ORDER BY account.net DESC, customers.reference) AS position
    FROM account
    JOIN shop.customers ON customers.id = account.customer_id
)
SELECT position, currency, reference, name, country, orders, net
FROM ranked
WHERE position <= $limit
ORDER BY currency, position
