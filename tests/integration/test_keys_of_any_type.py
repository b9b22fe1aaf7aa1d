"""Keys of types that JSON has no form for: a delete, and a change of the key, must arrive all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.verify import verify
from tests.support.syncing import Lab, read

MADE = "CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('ok', 'so \"so\"'); CREATE DOMAIN codes AS int[]"
# Two values of each type; the texts hold what a separator, a quote or a NULL might be taken for.
KEYS = {
    "int[]": ("{1,2}", "{1,NULL}"),
    "text[]": ('{"a,b","{c}"}', '{"NULL",NULL,"\\"q\\""}'),
    "codes": ("{3}", "{}"),
    "numeric(6,2)[]": ("{1.50}", "{2}"),
    "timestamptz[]": ('{"2020-02-01 03:00+00"}', "{infinity}"),
    "date[]": ('{"2020-02-01"}', "{-infinity}"),
    "tsrange": ('["2020-02-01 03:00",)', "(,2020-03-02)"),
    "pair": ("(1,x)", '(2,"a,""b")'),
    "pair[]": ('{"(1,x)"}', '{"(2,)",NULL}'),
    "mood[]": ("{ok}", '{"so \\"so\\""}'),
    "int4range": ("[1,5)", "(,3)"),
    "inet": ("10.0.0.1/8", "::1"),
    "interval": ("1 mon", "30 days 1 sec"),
    "bit varying": ("", "101"),
    "float8": ("0.1", "-Infinity"),
    "money": ("1.50", "-2"),
    "timetz": ("10:00+01", "23:59:59.999999-15"),
    "jsonb": ('{"a": 1}', "[1, null]"),
    "bytea": ("\\x00ff", "\\x"),
    "pg_lsn": ("0/1", "FF/FF"),
}


def fill(lab: Lab, name: str, kind: str) -> None:
    """A table with that key: three rows of each value."""
    one, two = (value.replace("'", "''") for value in KEYS[kind])
    lab.run(f"CREATE TABLE {name} (k {kind}, n int, v text, PRIMARY KEY (k, n))")
    values = f"(VALUES ('{one}'), ('{two}')) AS a (k), generate_series(1, 3) n"
    lab.run(f"INSERT INTO {name} SELECT k::{kind}, n FROM {values}")


def change(lab: Lab, name: str, kind: str) -> None:
    """Delete one row of each value, and give one another key."""
    one, two = (value.replace("'", "''") for value in KEYS[kind])
    with lab.connect() as other:
        # A session that spells values its own way.
        other.execute("SET datestyle = 'German'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'escape'")
        other.execute("SET timezone = 'Asia/Kathmandu'; SET extra_float_digits = -5")
        other.execute(f"DELETE FROM {name} WHERE k = '{one}'::{kind} AND n = 1".encode())
        other.execute(f"DELETE FROM {name} WHERE k = '{two}'::{kind} AND n = 2".encode())
        other.execute(f"UPDATE {name} SET k = '{two}', n = 9 WHERE k = '{one}'::{kind} AND n = 3".encode())


@pytest.mark.few(5)
@pytest.mark.parametrize("kind", KEYS)
def test_deletes_and_changes_of_a_key_arrive(empty_db: str, tmp_path: Path, kind: str) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.t", "watermark": "xid"}])
    lab.run(*MADE.split("; "))
    fill(lab, "t", kind)
    lab.track()
    lab.sync()
    change(lab, "t", kind)
    [run] = lab.sync().tables
    assert (run.action, run.rows_out) == ("delta", 3)
    left = read(tmp_path / "reporting.duckdb", "public.t", ["n"])
    assert left == [("1",), ("2",), ("3",), ("9",)]
    assert verify.verify(lab.job).equal


@pytest.mark.long
@pytest.mark.parametrize("feed", ["wal", "events"], indirect=True)
def test_they_arrive_with_the_other_feeds_too(empty_db: str, tmp_path: Path) -> None:
    names = {f"t{number}": kind for number, kind in enumerate(KEYS)}
    lab = Lab(empty_db, tmp_path, [{"name": f"public.{name}", "watermark": "none"} for name in names])
    if lab.sync_options["feed"] == "wal":
        lab.specs = [{"name": f"public.{name}"} for name in names]
    lab.run(*MADE.split("; "))
    for name, kind in names.items():
        fill(lab, name, kind)
    lab.track()
    for turn in range(3):
        lab.sync()
        for name, kind in names.items():
            if turn == 0:
                change(lab, name, kind)
            else:
                lab.run(f"UPDATE {name} SET v = '{turn}' WHERE n = 2", f"UPDATE {name} SET n = n + 10 WHERE n = 9")
        assert {table.action for table in lab.sync().tables} == {"delta"}
        assert verify.verify(lab.job).equal
