-- Expressions of days and moments, over rows without infinity, one a line.
CAST(ts AS DATE)
CAST(tz AS DATE)
CAST(day AS TIMESTAMP)
CAST(day AS TIMESTAMPTZ)
CAST(day AS VARCHAR)
day + 30
day - i
day - DATE '2000-02-29'
day + INTERVAL 1 month
ts - INTERVAL '1 month 3 days 0.5 seconds'
tz + INTERVAL 25 hour
day - INTERVAL 1 year
date_trunc('year', day)
date_trunc('year', ts)
date_trunc('year', tz)
date_trunc('quarter', day)
date_trunc('quarter', ts)
date_trunc('quarter', tz)
date_trunc('month', day)
date_trunc('month', ts)
date_trunc('month', tz)
date_trunc('week', day)
date_trunc('week', ts)
date_trunc('week', tz)
date_trunc('day', day)
date_trunc('day', ts)
date_trunc('day', tz)
date_trunc('hour', ts)
date_trunc('minute', tz)
date_part('year', day)
date_part('year', tz)
date_part('quarter', day)
date_part('quarter', tz)
date_part('month', day)
date_part('month', tz)
date_part('week', day)
date_part('week', tz)
date_part('day', day)
date_part('day', tz)
date_part('dow', day)
date_part('dow', tz)
date_part('isodow', day)
date_part('isodow', tz)
date_part('doy', day)
date_part('doy', tz)
extract(hour FROM ts)
minute(tz)
year(day)
dayofweek(ts)
date_diff('year', day, DATE '2024-02-29')
date_diff('quarter', day, DATE '2024-02-29')
date_diff('month', day, DATE '2024-02-29')
date_diff('week', day, DATE '2024-02-29')
date_diff('day', day, DATE '2024-02-29')
date_diff('month', ts, TIMESTAMP '2001-03-01 00:00:00')
tz AT TIME ZONE 'UTC'
tz AT TIME ZONE 'America/New_York'
tz AT TIME ZONE 'Australia/Lord_Howe'
tz AT TIME ZONE 'Africa/Casablanca'
make_timestamp(b)
make_timestamptz(b * 1000)
