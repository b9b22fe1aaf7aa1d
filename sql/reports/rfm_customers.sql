-- title: RFM scores by customer
-- description: Recency, frequency and money of every customer with scores from 1 (worst) to 5 (best), and the segment.
-- include: _days
-- include: _sales
-- include: _rfm
-- param: on date = today | the day that recency is counted to; later sales are left out
-- param: segment text = none | only this segment, such as champions
-- param: limit integer >= 0 = 20 | customers shown per currency
-- param: timezone timezone = UTC | where a day begins
-- chart: none

, ranked AS (
    SELECT
        customers.reference,
        segmented.currency,
        segmented.days_ago,
        segmented.orders,
        segmented.net,
        segmented.recency,
        segmented.frequency,
        segmented.money,
        segmented.segment,
        ROW_NUMBER() OVER (
            PARTITION BY segmented.currency
            ORDER BY
                segmented.recency + segmented.frequency + segmented.money DESC, segmented.net DESC,
                customers.reference
        ) AS position
    FROM segmented
    JOIN shop.customers ON customers.id = segmented.customer_id
    WHERE $segment IS NULL OR segmented.segment = $segment
)
SELECT currency, reference, days_ago, orders, net, recency AS r, frequency AS f, money AS m, segment
FROM ranked
WHERE position <= $limit
ORDER BY currency, position
