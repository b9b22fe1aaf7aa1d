-- title: Orders by status
-- description: How many orders stand where, what they come to and what has been paid on them.
-- param: from date = none | first day counted
-- param: to date = none | last day counted
-- param: timezone timezone = UTC | where a day begins
-- include: _statuses
-- instead: _models_statuses when from = none, to = none
-- chart: bar x=status y=orders color=currency

SELECT currency, status, orders, total, paid
FROM standing
ORDER BY currency, array_position(['open', 'paid', 'shipped', 'cancelled'], status)
