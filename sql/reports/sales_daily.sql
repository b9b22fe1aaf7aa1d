-- title: Sales per day
-- description: Orders, gross sales, returns and net sales of every day, with the moving average of net sales.
-- include: _days
-- include: _sales
-- include: _daily
-- instead: _models_daily when timezone = UTC
-- param: from date = none | the first day shown is the one of this day
-- param: to date = none | the last day shown is the one of this day
-- param: days integer >= 1 = 7 | width of the moving average; it looks back before `from`, and is narrower at the very start
-- param: timezone timezone = UTC | where a day begins
-- chart: line x=day y=net,moving_average color=currency

, total AS (
    SELECT day AS period, currency, orders, gross, returned FROM daily
),
-- A day without sales counts in the average, so every day between the first and the last has a row.
calendar AS (
    SELECT
        currency, CAST(unnest(generate_series(MIN(period), MAX(period), INTERVAL 1 day)) AS DATE) AS period, $days AS width
    FROM total
    GROUP BY currency
),
-- include: _moving_average
SELECT period AS day, currency, orders, gross, returned, net, moving_average
FROM averaged
WHERE ($from IS NULL OR period >= date_trunc('day', CAST($from AS DATE)))
    AND ($to IS NULL OR period <= CAST($to AS DATE))
ORDER BY period, currency
