-- Statements that have to give the same rows, in the same order, with the same types.
SELECT count(*), count(i), count(DISTINCT i), sum(i), sum(b), sum(d), sum(w), min(f), max(f), min(v),
    max(v), min(u), max(tz), min(day), bool_and(ok), bool_or(ok), max(x) FROM s.t;
SELECT i, count(*) FILTER (WHERE ok), sum(d) FILTER (WHERE d > 0), sum(DISTINCT s), round(sum(b) / count(b),
    3), sum(d) / count(d) FROM s.t GROUP BY i ORDER BY i DESC;
SELECT f, count(*) FROM s.t GROUP BY f ORDER BY f, 2;
SELECT id, f FROM s.t ORDER BY f DESC, id;
SELECT id, f FROM s.t ORDER BY f NULLS FIRST, id DESC LIMIT 7 OFFSET 3;
SELECT id, v, x FROM s.t ORDER BY v, x DESC, id;
SELECT id, u FROM s.t ORDER BY u, id;
SELECT DISTINCT v FROM s.t ORDER BY 1;
SELECT id, day, ts, tz FROM s.t ORDER BY tz, day, ts, id;
SELECT v AS day, -i AS i FROM s.t ORDER BY i, v, id;
SELECT id, row_number() OVER (PARTITION BY ok ORDER BY d, id), rank() OVER (ORDER BY i), dense_rank()
    OVER (ORDER BY v DESC), percent_rank() OVER (ORDER BY i), cume_dist() OVER (ORDER BY v) FROM s.t
    ORDER BY id;
SELECT id, sum(d) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER
    BY i), min(f) OVER (PARTITION BY i), lag(v, 2, 'none') OVER (ORDER BY id), lead(d) OVER (ORDER BY
    id), first_value(i) OVER (ORDER BY id), last_value(b) OVER (ORDER BY id) FROM s.t ORDER BY id;
SELECT id FROM s.t QUALIFY row_number() OVER (PARTITION BY i ORDER BY id DESC) = 1 ORDER BY id;
SELECT i AS g, sum(d) AS total FROM s.t GROUP BY g HAVING total > 0 AND count(*) > 2 ORDER BY total
    DESC, g;
SELECT i, v, count(*) FROM s.t GROUP BY ALL ORDER BY ALL;
SELECT i % 3 AS i, count(*) AS n FROM s.t GROUP BY i ORDER BY n, 1;
SELECT id, id + 1 AS next, next * 2 AS twice FROM s.t WHERE next > 395 ORDER BY id;
SELECT a.id, b.id FROM s.t AS a JOIN s.t AS b ON a.i = b.i AND a.id < b.id ORDER BY 1, 2 LIMIT 50;
SELECT a.id, b.v FROM s.t AS a LEFT JOIN s.t AS b ON a.id = b.late ORDER BY 1, 2;
SELECT a.id, b.id FROM (SELECT id FROM s.t WHERE id < 6) a FULL JOIN (SELECT id FROM s.t WHERE id
    BETWEEN 3 AND 9) b ON a.id = b.id ORDER BY 1, 2;
SELECT id, b.i FROM s.t JOIN (SELECT id, i FROM s.t WHERE i > 0) AS b USING (id) ORDER BY id;
SELECT count(*) FROM s.t a CROSS JOIN s.t b;
SELECT id FROM s.t WHERE i IN (SELECT late FROM s.t) ORDER BY id;
SELECT id FROM s.t WHERE i NOT IN (SELECT late FROM s.t);
SELECT id FROM s.t AS a WHERE EXISTS (SELECT 1 FROM s.t AS b WHERE b.i = a.i AND b.id > a.id + 300)
    ORDER BY id;
SELECT id, (SELECT max(d) FROM s.t) - d FROM s.t ORDER BY id;
SELECT * EXCLUDE (j, r) FROM s.t ORDER BY id;
SELECT i FROM s.t UNION SELECT late FROM s.t ORDER BY 1;
SELECT i FROM s.t UNION ALL SELECT d FROM s.t ORDER BY 1;
SELECT i FROM s.t EXCEPT SELECT late FROM s.t ORDER BY 1;
SELECT i, NULL FROM s.t INTERSECT ALL SELECT s, NULL FROM s.t ORDER BY 1;
SELECT * FROM (VALUES (1, 'a'), (2.5, NULL)) AS v(n, w) ORDER BY n;
SELECT id, unnest(range(i)) AS n FROM s.t ORDER BY 1, 2;
SELECT i, CAST(unnest(generate_series(min(day), max(day), INTERVAL 40 day)) AS DATE) AS d FROM s.t
    WHERE isfinite(day) GROUP BY i ORDER BY ALL;
SELECT * FROM s."Odd Names" ORDER BY 1;
SELECT k1, "_metadata" FROM s."Odd Names" WHERE "a`b" = 'x';
SELECT count(*), sum(i), max(v) FROM s.empty;
SELECT * FROM s.empty;
SELECT e.v, t.id FROM s.t LEFT JOIN s.empty e ON e.i = t.i ORDER BY 2;
WITH a AS (SELECT i FROM s.t), b AS MATERIALIZED (SELECT i FROM a WHERE i > 0) SELECT count(*) FROM
    b, a WHERE a.i = b.i;
SELECT 1 AS one, 'x', NULL, DATE 'infinity', TIMESTAMPTZ '-infinity', 1e-320::DOUBLE;
SELECT sum(CAST(9000000000000000000 AS BIGINT)) OVER (ORDER BY id) FROM s.t ORDER BY 1 LIMIT 30;
SELECT as_of, run_id FROM neaptide.freshness;
FROM s."Odd Names" SELECT "from" ORDER BY 1 DESC;
SELECT * FROM s.swapped ORDER BY ALL;
SELECT k0, k2 - k1 AS k1 FROM s.swapped WHERE k0 > 1 ORDER BY k2;
