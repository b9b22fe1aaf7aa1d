"""A history of commits has values of every type as a run after each commit would have read them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from jobs.sessions import OpenSessions
from tests.support.syncing import Lab

# A type, and three values of it, the first of which may be large and is left alone at times.
TYPES = (
    ("int", "1", "-2", "NULL"),
    ("bigint", "9007199254740993", "-1", "0"),
    ("float8", "0.1", "'-0'", "'NaN'"),
    ("float4", "0.1", "'Infinity'", "1e-30"),
    ("numeric(12,3)", "1.5", "-2", "0"),
    ("numeric", "1.50", "1e50", "'NaN'"),
    ("text", "repeat('a\"\\,{}', 3000)", "''", "'NULL'"),
    ("varchar(9)", "'a'", "' '", "E'\\t\\n\\\\'"),
    ("char(5)", "'ab'", "''", "'abcde'"),
    ('"char"', "'a'", "''", "'z'"),
    ("name", "'a'", "'B b'", "''"),
    ("bytea", "decode(repeat('00ff', 3000), 'hex')", "''", "'\\x01'"),
    ("bool", "true", "false", "NULL"),
    ("date", "'2024-02-29'", "'infinity'", "'0044-03-15 BC'"),
    ("time", "'24:00'", "'00:00:00.000001'", "NULL"),
    ("timetz", "'01:02:03+14'", "'23:00-12'", "NULL"),
    ("timestamp(3)", "'2024-01-01 00:00:00.1239'", "'-infinity'", "NULL"),
    ("timestamptz", "'2024-01-01 00:00+05'", "'0001-01-01 BC'", "'infinity'"),
    ("interval", "'1 mon -2 days 03:04:05.000006'", "'-1 year'", "'0'"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "NULL", "NULL"),
    ("json", '\'{"b": 1,  "a":2}\'', "'null'", "'\"\\ud83d\"'"),
    ("jsonb", "'{\"b\": 1.50}'", "'null'", "'[]'"),
    ("bit(3)", "B'101'", "B'000'", "NULL"),
    ("varbit", "B''", "B'1'", "NULL"),
    ("inet", "'1.2.3.4'", "'::1/64'", "NULL"),
    ("int[]", "'{1,NULL,3}'", "'{}'", "NULL"),
    ("text[]", "ARRAY['a,\"\\', 'NULL', NULL]", "'{}'", "ARRAY['']"),
    ("int4range", "'[1,5)'", "'empty'", "NULL"),
    ("tsvector", "'a:1 b'", "''", "NULL"),
    ("point", "'(0.1,-0)'", "NULL", "NULL"),
    ("shop.mood", "'good, \"sad\"'", "'ok'", "NULL"),
    ("shop.pair", "ROW(1, 'a,\"b')", "ROW(NULL, NULL)", "NULL"),
    ("shop.small", "3", "4", "NULL"),
    ("shop.mood[]", "'{ok}'", "'{}'", "NULL"),
    ("shop.small[]", "'{1,2}'", "'{}'", "NULL"),
    ("citext", "'Ab'", "'aB'", "NULL"),
    ("hstore", "'a=>1,\"b c\"=>NULL'", "''", "NULL"),
    ("int4multirange", "'{[1,3),[5,9)}'", "'{}'", "NULL"),
    ("macaddr", "'08:00:2b:01:02:03'", "NULL", "NULL"),
    ("xid8", "'18446744073709551615'", "'0'", "NULL"),
    ("oid", "4294967295", "0", "NULL"),
    ("jsonpath", "'$.a[*]'", "'$'", "NULL"),
)
MADE = (
    "CREATE SCHEMA shop; CREATE EXTENSION citext; CREATE EXTENSION hstore",
    "CREATE TYPE shop.mood AS ENUM ('ok', 'good, \"sad\"'); CREATE TYPE shop.pair AS (a int, b text)",
    "CREATE DOMAIN shop.small AS int CHECK (VALUE < 10)",
)


@pytest.mark.long
def test_values_of_every_type_are_what_a_run_after_each_commit_has_read(empty_db: str, tmp_path: Path) -> None:
    columns = ", ".join(f"c{n} {kind}" for n, (kind, *_) in enumerate(TYPES))
    settings = {"mask": {"c0": "null", "c6": "redact"}, "rename_columns": {"c1": "renamed"}, "exclude_columns": ["c39"]}
    spec = {"name": "shop.t", "feed": "wal", **settings, "rules": {"c22": "text", "c5": "text"}}
    labs = []
    for name, history in (("commits", "commits"), ("runs", True)):
        (tmp_path / name).mkdir()
        labs.append(Lab(empty_db, tmp_path / name, [{**spec, "history": history}], keep=OpenSessions()))
    by_commit, by_run = labs
    by_run.run(*MADE, f"CREATE TABLE shop.t (id int PRIMARY KEY, {columns})")
    for place in (1, 2, 3):
        first = ", ".join(given[place] for given in TYPES)
        by_run.run(f"INSERT INTO shop.t VALUES ({place}, {first})")
    for lab in labs:
        lab.track()
        lab.sync()
    assert by_commit.job.files.slot != by_run.job.files.slot
    for turn in range(3):
        for n, (_kind, *values) in enumerate(TYPES):
            by_run.run(f"UPDATE shop.t SET c{n} = {values[(n + turn) % 3]} WHERE id = {1 + n % 3}")
            by_run.sync()
        by_run.run(f"DELETE FROM shop.t WHERE id = {turn + 1}")
        by_run.sync()
        by_commit.sync()
    found = []
    for lab in labs:
        with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
            rows = file.execute("SELECT * EXCLUDE (valid_from, valid_to) FROM history.t ORDER BY id, valid_from")
            found.append([repr(row) for row in rows.fetchall()])
    assert len(found[0]) > len(TYPES)
    assert found[0] == found[1]
