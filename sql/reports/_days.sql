-- The day of each order, return and payment in the time zone asked for, for every report that includes this.
-- `AT TIME ZONE` asks the calendar for every row and takes longer than all else, so it is asked once for each UTC day:
-- `ahead` is how many microseconds the zone is ahead of UTC, on the days on which that stays as it is. On a day when
-- the clocks change, out of the range of `clock`, and for infinity there is no such number, and the row is asked for.
WITH clock AS (
    SELECT
        CAST(make_timestamp(midnight) AS DATE) AS day,
        epoch_us(make_timestamptz(midnight) AT TIME ZONE $timezone) - midnight AS ahead
    FROM (
        SELECT 86400000000 * unnest(range(today - 20 * 366, today + 366)) AS midnight
        FROM (SELECT epoch_us(as_of) // 86400000000 AS today FROM neaptide.freshness) AS shown
    ) AS utc
    -- UTC is ahead of itself by nothing, which needs no table.
    WHERE $timezone <> 'UTC'
        AND ahead = epoch_us(make_timestamptz(midnight + 86400000000) AT TIME ZONE $timezone) - midnight - 86400000000
),
dated_order AS NOT MATERIALIZED (
    SELECT
        orders.id,
        orders.number,
        orders.customer_id,
        orders.status,
        orders.currency,
        orders.total,
        orders.paid,
        orders.placed_at,
        COALESCE(
            CAST(make_timestamp(
                epoch_us(orders.placed_at) + CASE WHEN $timezone = 'UTC' THEN 0 ELSE clock.ahead END
            ) AS DATE),
            CAST(orders.placed_at AT TIME ZONE $timezone AS DATE)
        ) AS day
    FROM shop.orders
    LEFT JOIN clock ON clock.day = CAST(make_timestamp(epoch_us(orders.placed_at)) AS DATE)
),
dated_return AS (
    SELECT
        order_returns.order_id,
        order_returns.line_no,
        order_returns.quantity,
        order_returns.amount,
        COALESCE(
            CAST(make_timestamp(
                epoch_us(order_returns.returned_at) + CASE WHEN $timezone = 'UTC' THEN 0 ELSE clock.ahead END
            ) AS DATE),
            CAST(order_returns.returned_at AT TIME ZONE $timezone AS DATE)
        ) AS day
    FROM shop.order_returns
    LEFT JOIN clock ON clock.day = CAST(make_timestamp(epoch_us(order_returns.returned_at)) AS DATE)
),
dated_payment AS (
    SELECT
        payments.currency,
        payments.method,
        payments.kind,
        payments.amount,
        COALESCE(
            CAST(make_timestamp(
                epoch_us(payments.paid_at) + CASE WHEN $timezone = 'UTC' THEN 0 ELSE clock.ahead END
            ) AS DATE),
            CAST(payments.paid_at AT TIME ZONE $timezone AS DATE)
        ) AS day
    FROM shop.payments
    LEFT JOIN clock ON clock.day = CAST(make_timestamp(epoch_us(payments.paid_at)) AS DATE)
)
