-- title: Sales per month
-- description: Orders, gross sales, returns and net sales of every month, with the moving average of net sales.
-- include: _days
-- include: _sales
-- include: _daily
-- instead: _models_daily when timezone = UTC
-- param: from date = none | the first month shown is the one of this day
-- param: to date = none | the last month shown is the one of this day
-- param: months integer >= 1 = 3 | width of the moving average; it looks back before `from`, and is narrower at the very start
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=month y=net line=moving_average color=currency

-- Days come before months, so that the month is worked out of each day and not of each order.
, total AS (
    SELECT
        date_trunc('month', day) AS period, currency, CAST(SUM(orders) AS BIGINT) AS orders, SUM(gross) AS gross,
        SUM(returned) AS returned
    FROM daily
    GROUP BY period, currency
),
-- A month without sales counts in the average, so every month between the first and the last has a row.
calendar AS (
    SELECT
        currency, CAST(unnest(generate_series(MIN(period), MAX(period), INTERVAL 1 month)) AS DATE) AS period,
        $months AS width
    FROM total
    GROUP BY currency
),
-- include: _moving_average
SELECT period AS month, currency, orders, gross, returned, net, moving_average
FROM averaged
WHERE ($from IS NULL OR period >= date_trunc('month', CAST($from AS DATE)))
    AND ($to IS NULL OR period <= CAST($to AS DATE))
ORDER BY period, currency
