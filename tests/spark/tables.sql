-- Tables with the values that engines disagree on; then, in several steps, deleted rows and a late column.
CREATE SCHEMA s;
CREATE TABLE s.t (id INTEGER, i INTEGER, b BIGINT, d DECIMAL(14,2), w DECIMAL(38,4), f DOUBLE, r
    FLOAT, v VARCHAR,
    u UUID, day DATE, ts TIMESTAMP, tz TIMESTAMPTZ, ok BOOLEAN, x BLOB, j JSON, s SMALLINT);
INSERT INTO s.t SELECT id,
    CASE WHEN id % 11 = 0 THEN NULL ELSE CAST(hash(id) % 41 AS INTEGER) - 20 END,
    CASE WHEN id % 13 = 0 THEN NULL ELSE CAST(hash(id + 1) % 4000000000000 AS BIGINT) - 2000000000000
    END,
    CASE WHEN id % 17 = 0 THEN NULL ELSE CAST(CAST(hash(id + 2) % 200001 AS BIGINT) - 100000 AS DECIMAL(14,0))
    / 200 END,
    CASE WHEN id % 7 = 0 THEN NULL ELSE (CAST(hash(id + 3) % 90000 AS BIGINT) - 45000) * 0.0005 END,
    CASE id % 9 WHEN 0 THEN NULL WHEN 1 THEN 'nan' WHEN 2 THEN 'inf' WHEN 3 THEN '-inf' WHEN 4 THEN -0.0
    WHEN 5 THEN 0.285
    ELSE (CAST(hash(id + 4) % 2000 AS BIGINT) - 1000) / 8.0 + 0.005 END,
    CASE WHEN id % 5 = 0 THEN NULL ELSE id / 3.0 END,
    CASE id % 8 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a\b%_' WHEN 3 THEN 'Ärger' WHEN 4 THEN 'z''s "q" `t`'
    WHEN 5 THEN '日本😀' WHEN 6 THEN e'line\n\ttab' ELSE 'w' || id % 10 END,
    CASE WHEN id % 10 = 0 THEN NULL ELSE CAST(md5(CAST(id AS VARCHAR)) AS UUID) END,
    CASE WHEN id % 6 = 0 THEN NULL ELSE DATE '1899-12-20' + CAST(hash(id + 5) % 70000 AS INTEGER) END,
    CASE WHEN id % 6 = 1 THEN NULL ELSE TIMESTAMP '1969-12-25 23:59:59.999999' + to_microseconds(CAST(hash(id
    + 6) % 2000000000000000 AS BIGINT)) END,
    CASE WHEN id % 6 = 2 THEN NULL ELSE TIMESTAMPTZ '1969-12-25 23:59:59.999999+00' + to_microseconds(CAST(hash(id
    + 7) % 2500000000000000 AS BIGINT)) END,
    CASE id % 3 WHEN 0 THEN NULL WHEN 1 THEN true ELSE false END,
    CASE WHEN id % 4 = 0 THEN NULL ELSE encode(v0) END,
    CASE WHEN id % 4 = 1 THEN NULL ELSE '{"n": ' || id || '}' END, CAST(id % 100 AS SMALLINT)
    FROM (SELECT CAST(range AS INTEGER) AS id, chr(1 + CAST(range % 200 AS INTEGER)) AS v0 FROM range(400));
DELETE FROM s.t WHERE id % 23 = 3;
INSERT INTO s.t (id, i, day, ts, tz) SELECT 500, 1, 'infinity', '-infinity', 'infinity';
ALTER TABLE s.t ADD COLUMN late INTEGER;
INSERT INTO s.t (id, late, v) VALUES (600, 6, 'late'), (601, NULL, 'later');
CREATE TABLE s."Odd Names" ("from" INTEGER, "a`b" VARCHAR, "_metadata" INTEGER, "k1" INTEGER);
INSERT INTO s."Odd Names" VALUES (1, 'x', 2, 3), (4, NULL, 5, 6);
CREATE TABLE s.empty (i INTEGER, v VARCHAR);
CREATE TABLE s.swapped (k0 INTEGER, k1 INTEGER, k2 INTEGER);
INSERT INTO s.swapped VALUES (1, 2, 3), (4, 5, 6);
ALTER TABLE s.swapped RENAME COLUMN k0 TO k3;
ALTER TABLE s.swapped RENAME COLUMN k1 TO k0;
ALTER TABLE s.swapped RENAME COLUMN k3 TO k1;
INSERT INTO s.swapped VALUES (7, 8, 9);
