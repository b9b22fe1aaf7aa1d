-- title: Orders by status
-- description: How many orders stand where, what they come to and what has been paid on them.
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=status y=orders color=currency

-- The day is worked out only near the ends of the period: a day of any time zone begins and ends less than two days from
-- where it does in UTC, and `AT TIME ZONE` takes longer than all else here.
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
ORDER BY currency, array_position(['open', 'paid', 'shipped', 'cancelled'], status)
