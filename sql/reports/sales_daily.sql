-- title: Sales per day
-- description: Orders, gross sales, returns and net sales of every day, with the moving average of net sales.
-- include: _days
-- include: _sales
-- param: from date = none | the first day shown is the one of this day
-- param: to date = none | the last day shown is the one of this day
-- param: days integer >= 1 = 7 | width of the moving average; it looks back before `from`, and is narrower at the very start
-- param: timezone timezone = UTC | where a day begins

, movement AS (
    SELECT
        date_trunc('day', sale.day) AS day, sale.currency, sale.order_id, sale.gross,
        CAST(0 AS DECIMAL(14, 2)) AS returned
    FROM sale
    UNION ALL
    SELECT
        date_trunc('day', returned.day), returned.currency, NULL, CAST(0 AS DECIMAL(14, 2)), returned.amount
    FROM returned
),
total AS (
    SELECT day, currency, COUNT(order_id) AS orders, SUM(gross) AS gross, SUM(returned) AS returned
    FROM movement
    GROUP BY day, currency
),
-- A day without sales counts in the average, so every day between the first and the last has a row.
calendar AS (
    SELECT currency, CAST(unnest(generate_series(MIN(day), MAX(day), INTERVAL 1 day)) AS DATE) AS day
    FROM total
    GROUP BY currency
),
filled AS (
    SELECT
        calendar.day,
        calendar.currency,
        COALESCE(total.orders, 0) AS orders,
        COALESCE(total.gross, 0) AS gross,
        COALESCE(total.returned, 0) AS returned,
        COALESCE(total.gross - total.returned, 0) AS net
    FROM calendar
    LEFT JOIN total ON total.day = calendar.day AND total.currency = calendar.currency
),
-- Dividing decimals gives a DOUBLE in DuckDB, so the average is taken in whole cents, halves away from zero.
averaged AS (
    SELECT
        *,
        CAST(SUM(net) OVER recent * 100 AS HUGEINT) AS cents,
        COUNT(*) OVER recent AS width
    FROM filled
    WINDOW recent AS (
        PARTITION BY currency ORDER BY day ROWS BETWEEN GREATEST($days, 1) - 1 PRECEDING AND CURRENT ROW
    )
)
SELECT
    day,
    currency,
    orders,
    gross,
    returned,
    net,
    CAST(SIGN(cents) * ((2 * ABS(cents) + width) // (2 * width)) AS DECIMAL(30, 0)) * 0.01 AS moving_average
FROM averaged
WHERE ($from IS NULL OR day >= date_trunc('day', CAST($from AS DATE)))
    AND ($to IS NULL OR day <= CAST($to AS DATE))
ORDER BY day, currency
