-- Expressions over the table s.t, one a line.
i
b
d
w
f
r
v
u
day
ts
tz
ok
x
s
late
NULL
i + 1
i - b
b * i
-d
d + w
d * 1.5
d * d
w - 0.00001
f + d
f * 2
-f
i / 0
d / i
b / d
f / f
0 / f
1 / -f
f / i
w / 3
i // 3
i // 0
b // i
CAST(b AS HUGEINT) // i
i % 3
i % 0
d % 7
d % 0
b % i
round(f, 2)
round(f)
round(d, 1)
round(d)
round(w, 2)
round(d / 7, 2)
round(i, 2)
round(f * 1e300, 2)
abs(i)
abs(f)
abs(d)
sign(d)
sign(b)
CAST(d AS INTEGER)
CAST(w AS BIGINT)
CAST(d AS DECIMAL(20,1))
CAST(CASE WHEN isfinite(f) THEN f END AS INTEGER)
CAST(i AS DOUBLE)
CAST(d AS DOUBLE)
CAST(b AS VARCHAR)
CAST(d AS VARCHAR)
CAST(ok AS INTEGER)
CAST(u AS VARCHAR)
CAST(r AS DOUBLE)
CAST(s AS INTEGER) * 1000
i = d
f = 'nan'
f > 1
f >= d
v < 'w5'
v = ''
x < 'b'
i IN (1, 2, NULL)
i NOT IN (1, 2)
i BETWEEN -5 AND 5.5
i IS DISTINCT FROM late
f IS NOT DISTINCT FROM 'nan'
ok AND i > 0
ok OR i > 0
NOT ok
day = '2024-01-01'
day < TIMESTAMP '2000-01-01 12:00:00'
ts < tz
u > '80000000-0000-0000-0000-000000000000'
least(i, late, d)
greatest(f, d)
greatest(v, 'm')
coalesce(late, i, 0.5)
nullif(i, 1)
ifnull(v, 'none')
CASE WHEN ok THEN i WHEN i > 3 THEN d ELSE f END
CASE i WHEN 1 THEN 'one' WHEN NULL THEN 'never' END
v || '!'
concat(v, NULL, 'x')
v LIKE 'a%'
v LIKE 'a\b\%\_'
v NOT LIKE '_'
length(v)
contains(v, '')
starts_with(v, 'w')
ends_with(v, '9')
substring(v, 2, 2)
v || CAST(i AS VARCHAR)
lower(CASE WHEN length(v) < 6 AND v NOT LIKE '日%' THEN v END)
upper(CASE WHEN v NOT LIKE '日%' THEN v END)
array_position(['w1', 'w2', ''], v)
isnan(f)
isinf(f)
isfinite(f)
epoch_us(tz)
epoch_us(ts)
