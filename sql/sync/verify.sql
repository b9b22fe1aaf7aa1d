-- name: bad_ranges
-- The ranges of keys whose rows differ in number or in sum.
SELECT coalesce(s.range, f.range) AS range
FROM (SELECT range, sum(n) AS n, sum(sum) AS sum FROM temp.sums_source GROUP BY range) AS s
FULL JOIN temp.sums_file AS f ON f.range = s.range
WHERE s.n IS DISTINCT FROM f.n OR s.sum IS DISTINCT FROM f.sum
ORDER BY 1;

-- name: counts
-- How many rows differ, by how.
SELECT f.kind, count(*) AS n FROM temp.found AS f GROUP BY f.kind;
