-- Recency, frequency and money of every customer and currency, each scored 1 (worst) to 5 (best).
-- Equal values get equal scores: the score counts how many customers are strictly worse, so NTILE won't do.
, bought AS (
    SELECT
        customer_id,
        currency,
        MAX(day) AS last_day,
        COUNT(*) AS orders,
        SUM(gross) AS gross
    FROM sale
    WHERE day <= CAST($on AS DATE)
    GROUP BY customer_id, currency
),
brought_back AS (
    SELECT customer_id, currency, SUM(amount) AS returned
    FROM returned
    WHERE day <= CAST($on AS DATE)
    GROUP BY customer_id, currency
),
customer AS (
    SELECT
        bought.customer_id,
        bought.currency,
        date_diff('day', bought.last_day, CAST($on AS DATE)) AS days_ago,
        bought.orders,
        bought.gross - COALESCE(brought_back.returned, 0) AS net
    FROM bought
    LEFT JOIN brought_back
        ON brought_back.customer_id = bought.customer_id AND brought_back.currency = bought.currency
),
scored AS (
    SELECT
        *,
        1 + 5 * (RANK() OVER (PARTITION BY currency ORDER BY days_ago DESC) - 1) // COUNT(*) OVER each AS recency,
        1 + 5 * (RANK() OVER (PARTITION BY currency ORDER BY orders) - 1) // COUNT(*) OVER each AS frequency,
        1 + 5 * (RANK() OVER (PARTITION BY currency ORDER BY net) - 1) // COUNT(*) OVER each AS money
    FROM customer
    WINDOW each AS (PARTITION BY currency)
),
segmented AS (
    SELECT
        *,
        CASE
            WHEN recency >= 4 AND frequency >= 4 THEN 'champions'
            WHEN recency >= 3 AND frequency >= 3 THEN 'loyal'
            WHEN recency >= 4 AND frequency = 1 THEN 'new'
            WHEN recency >= 3 THEN 'promising'
            WHEN frequency >= 4 THEN 'cannot lose'
            WHEN frequency >= 2 THEN 'at risk'
            WHEN recency = 2 THEN 'fading'
            ELSE 'lost'
        END AS segment
    FROM scored
)
