-- title: Sales by country
-- description: Customers, orders and net sales by the customer's country, with its share of the currency's net sales.
-- include: _days
-- include: _sales
-- include: _accounts
-- include: _countries
-- instead: _models_countries when from = none, to = none
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=country y=net color=currency

SELECT
    country, currency, customers, orders, gross, returned, net,
    ROUND(100 * net / NULLIF(SUM(net) OVER (PARTITION BY currency), 0), 2) AS share_percent
FROM total
ORDER BY currency, net DESC, country
