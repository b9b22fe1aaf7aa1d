-- What stays in the catalog itself: rows, rows deleted again, and rows of files that are deleted.
INSERT INTO s.t (id, i, v, u, f, d, tz, x) VALUES (700, 7, 'in', '6f9619ff-8b86-d011-b42d-00cf4fc964ff',
    'nan', 1.25, '2024-02-29 12:00:00+00', 'a\x00'), (701, NULL, '', NULL, -0.0, NULL, 'infinity', NULL);
INSERT INTO s.t (id) VALUES (702);
DELETE FROM s.t WHERE id = 702;
DELETE FROM s.t WHERE id IN (10, 600);
