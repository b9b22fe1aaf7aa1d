-- title: Payments by method
-- description: Money in and refunds out of every month, by method of payment.
-- include: _days
-- include: _payments
-- instead: _models_payments when timezone = UTC
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins
-- chart: bar x=month y=net color=method,currency

SELECT
    CAST(date_trunc('month', day) AS DATE) AS month,
    currency,
    method,
    CAST(SUM(payments) AS BIGINT) AS payments,
    SUM(paid) AS paid,
    CAST(SUM(refunds) AS BIGINT) AS refunds,
    SUM(refunded) AS refunded,
    SUM(net) AS net
FROM daily
GROUP BY month, currency, method
ORDER BY month, currency, method
