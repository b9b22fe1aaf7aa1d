-- title: Receivables by age
-- description: What is owed by age of the order in days: 0-30, 31-60, 61-90, over 90.
-- include: _days
-- include: _owed
-- param: on date = today | the day that the age is counted to; amounts are those of now
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=bucket y=owed color=currency

SELECT currency, bucket, COUNT(*) AS orders, SUM(owed) AS owed
FROM aged
GROUP BY currency, bucket
ORDER BY currency, MIN(days)
