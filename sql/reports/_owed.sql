-- What is still owed on each order that is not cancelled: its total less what has been paid; refunds are already taken
-- off `paid`. Goods come back only from shipped orders, which are paid in full, so returns change nothing here.
, owed AS (
    SELECT
        number,
        customer_id,
        currency,
        placed_at,
        total,
        paid,
        total - paid AS owed,
        date_diff('day', day, CAST($on AS DATE)) AS days
    FROM dated_order
    WHERE status <> 'cancelled' AND total > paid
),
aged AS (
    SELECT
        *,
        CASE WHEN days <= 30 THEN '0-30' WHEN days <= 60 THEN '31-60' WHEN days <= 90 THEN '61-90' ELSE '>90' END
            AS bucket
    FROM owed
)
