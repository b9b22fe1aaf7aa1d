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


@pytest.mark.few(5)
@pytest.mark.parametrize("kind", KEYS)
def test_deletes_and_changes_of_a_key_arrive(empty_db: str, tmp_path: Path, kind: str) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.t", "watermark": "xid"}])
    one, two = (value.replace("'", "''") for value in KEYS[kind])
    lab.run(*MADE.split("; "), f"CREATE TABLE t (k {kind}, n int, v text, PRIMARY KEY (k, n))")
    lab.run(f"INSERT INTO t SELECT k::{kind}, n FROM (VALUES ('{one}'), ('{two}')) AS a (k), generate_series(1, 3) n")
    lab.track()
    lab.sync()
    with lab.connect() as other:
        # A session that spells values its own way.
        other.execute("SET datestyle = 'German'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'escape'")
        other.execute("SET timezone = 'Asia/Kathmandu'; SET extra_float_digits = -5")
        other.execute(f"DELETE FROM t WHERE k = '{one}'::{kind} AND n = 1".encode())
        other.execute(f"DELETE FROM t WHERE k = '{two}'::{kind} AND n = 2".encode())
        other.execute(f"UPDATE t SET k = '{two}', n = 9 WHERE k = '{one}'::{kind} AND n = 3".encode())
    [run] = lab.sync().tables
    assert (run.action, run.rows_out) == ("delta", 3)
    left = read(tmp_path / "reporting.duckdb", "public.t", ["n"])
    assert left == [("1",), ("2",), ("3",), ("9",)]
    assert verify.verify(lab.job).equal
