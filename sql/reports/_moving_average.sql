-- The orders, gross, returned and net of `total`, by `period` and currency, for every period of `calendar`, with the moving
-- average of net over the last `width` periods.
filled AS (
    SELECT
        calendar.period,
        calendar.currency,
        COALESCE(total.orders, 0) AS orders,
        COALESCE(total.gross, 0) AS gross,
        COALESCE(total.returned, 0) AS returned,
        COALESCE(total.gross - total.returned, 0) AS net,
        calendar.width
    FROM calendar
    LEFT JOIN total ON total.period = calendar.period AND total.currency = calendar.currency
),
-- Dividing decimals gives a DOUBLE in DuckDB, so the average is taken in whole cents, halves away from zero.
summed AS (
    SELECT
        *,
        CAST(SUM(net) OVER recent * 100 AS HUGEINT) AS cents,
        COUNT(*) OVER recent AS periods
    FROM filled
    WINDOW recent AS (
        PARTITION BY currency ORDER BY period ROWS BETWEEN width - 1 PRECEDING AND CURRENT ROW
    )
),
averaged AS (
    SELECT
        period, currency, orders, gross, returned, net,
        CAST(SIGN(cents) * ((2 * ABS(cents) + periods) // (2 * periods)) AS DECIMAL(30, 0)) * 0.01 AS moving_average
    FROM summed
)
