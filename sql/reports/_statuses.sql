-- The orders placed in the period, by status and currency.
-- The day is worked out only near the ends of the period: a day of any time zone begins and ends less than two days from
-- where it does in UTC, and `AT TIME ZONE` takes longer than all else here.
WITH standing AS (
    SELECT currency, status, COUNT(*) AS orders, SUM(total) AS total, SUM(paid) AS paid
    FROM shop.orders
    WHERE (
        $from IS NULL
        OR placed_at >= CAST($from AS DATE) - 2
        AND (
            placed_at >= CAST($from AS DATE) + 2
            OR CAST(placed_at AT TIME ZONE $timezone AS DATE) >= CAST($from AS DATE)
        )
    )
    AND (
        $to IS NULL
        OR placed_at < CAST($to AS DATE) + 3
        AND (
            placed_at < CAST($to AS DATE) - 1
            OR CAST(placed_at AT TIME ZONE $timezone AS DATE) <= CAST($to AS DATE)
        )
    )
    GROUP BY currency, status
)
