-- title: Sales per month
-- description: Orders, gross sales, returns and net sales of every month, with the moving average of net sales.
-- include: _days
-- include: _sales
-- param: from date = none | the first month shown is the one of this day
-- param: to date = none | the last month shown is the one of this day
-- param: months integer >= 1 = 3 | width of the moving average; it looks back before `from`, and is narrower at the very start
-- param: timezone timezone = UTC | where a day begins

, movement AS (
    SELECT day, currency, order_id, gross, CAST(0 AS DECIMAL(14, 2)) AS returned FROM sale
    UNION ALL
    SELECT day, currency, NULL, CAST(0 AS DECIMAL(14, 2)), amount FROM returned
),
-- Days come before months, so that the month is worked out of each day and not of each order.
daily AS (
    SELECT day, currency, COUNT(order_id) AS orders, SUM(gross) AS gross, SUM(returned) AS returned
    FROM movement
    GROUP BY day, currency
),
total AS (
    SELECT
        date_trunc('month', day) AS month, currency, CAST(SUM(orders) AS BIGINT) AS orders, SUM(gross) AS gross,
        SUM(returned) AS returned
    FROM daily
    GROUP BY month, currency
),
-- A month without sales counts in the average, so every month between the first and the last has a row.
calendar AS (
    SELECT currency, CAST(unnest(generate_series(MIN(month), MAX(month), INTERVAL 1 month)) AS DATE) AS month
    FROM total
    GROUP BY currency
),
filled AS (
    SELECT
        calendar.month,
        calendar.currency,
        COALESCE(total.orders, 0) AS orders,
        COALESCE(total.gross, 0) AS gross,
        COALESCE(total.returned, 0) AS returned,
        COALESCE(total.gross - total.returned, 0) AS net
    FROM calendar
    LEFT JOIN total ON total.month = calendar.month AND total.currency = calendar.currency
),
-- Dividing decimals gives a DOUBLE in DuckDB, so the average is taken in whole cents, halves away from zero.
averaged AS (
    SELECT
        *,
        CAST(SUM(net) OVER recent * 100 AS HUGEINT) AS cents,
        COUNT(*) OVER recent AS width
    FROM filled
    WINDOW recent AS (
        PARTITION BY currency ORDER BY month ROWS BETWEEN GREATEST($months, 1) - 1 PRECEDING AND CURRENT ROW
    )
)
SELECT
    month,
    currency,
    orders,
    gross,
    returned,
    net,
    CAST(SIGN(cents) * ((2 * ABS(cents) + width) // (2 * width)) AS DECIMAL(30, 0)) * 0.01 AS moving_average
FROM averaged
WHERE ($from IS NULL OR month >= date_trunc('month', CAST($from AS DATE)))
    AND ($to IS NULL OR month <= CAST($to AS DATE))
ORDER BY month, currency
