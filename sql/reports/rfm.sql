-- title: RFM segments
-- description: Customers in segments by recency, frequency and money (scores 1 to 5), with each segment's net sales.
-- include: _days
-- include: _sales
-- include: _rfm
-- param: on date = today | the day that recency is counted to; later sales are left out
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=segment y=net color=currency

SELECT
    currency,
    segment,
    COUNT(*) AS customers,
    -- AVG's last digit is the machine's own: it divides with more digits than a DOUBLE has.
    ROUND(SUM(days_ago) / COUNT(*), 1) AS average_days_ago,
    SUM(orders) AS orders,
    SUM(net) AS net,
    ROUND(100 * SUM(net) / NULLIF(SUM(SUM(net)) OVER (PARTITION BY currency), 0), 2) AS share_percent
FROM segmented
GROUP BY currency, segment
ORDER BY currency, SUM(net) DESC, segment
