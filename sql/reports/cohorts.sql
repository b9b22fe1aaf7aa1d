-- title: Customer cohorts
-- description: Customers by the month of their first order, and how many of them ordered again n months later.
-- include: _days
-- param: from date = none | the first cohort shown is the month of this day
-- param: to date = none | the last cohort shown is the month of this day
-- param: months integer >= 0 = 12 | months after the first that are followed
-- param: timezone timezone = UTC | where a month begins
-- chart: heatmap x=months_later y=cohort color=retention_percent

, active AS (
    SELECT DISTINCT customer_id, date_trunc('month', day) AS month
    FROM dated_order
    WHERE status <> 'cancelled'
),
joined AS (
    SELECT customer_id, MIN(month) AS cohort FROM active GROUP BY customer_id
),
cohort AS (
    SELECT cohort, COUNT(*) AS customers FROM joined GROUP BY cohort
),
-- A month without a returning customer has a row too, up to the last month in which anybody ordered.
grid AS (
    SELECT
        cohort.cohort,
        cohort.customers,
        unnest(range(LEAST(date_diff('month', cohort.cohort, last.month), $months) + 1)) AS months_later
    FROM cohort
    CROSS JOIN (SELECT MAX(month) AS month FROM active) AS last
),
returning_customers AS (
    SELECT joined.cohort, date_diff('month', joined.cohort, active.month) AS months_later, COUNT(*) AS customers
    FROM joined
    JOIN active ON active.customer_id = joined.customer_id
    GROUP BY joined.cohort, months_later
)
SELECT
    CAST(grid.cohort AS DATE) AS cohort,
    grid.customers,
    CAST(grid.months_later AS INTEGER) AS months_later,
    COALESCE(returning_customers.customers, 0) AS active,
    ROUND(100.0 * COALESCE(returning_customers.customers, 0) / grid.customers, 2) AS retention_percent
FROM grid
LEFT JOIN returning_customers
    ON returning_customers.cohort = grid.cohort AND returning_customers.months_later = grid.months_later
WHERE ($from IS NULL OR grid.cohort >= date_trunc('month', CAST($from AS DATE)))
    AND ($to IS NULL OR grid.cohort <= CAST($to AS DATE))
ORDER BY grid.cohort, grid.months_later
