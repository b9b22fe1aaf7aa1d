"""A result that goes through a file into DuckDB arrives whole, in however many parts, and an error spoils nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest
from psycopg.rows import dict_row

from app import errors
from jobs.engine import intake
from jobs.engine.session import DuckSession
from jobs.source import spool
from jobs.source.connection import Connection
from jobs.source.spool import Spool
from jobs.types import column_plan
from jobs.types.wire import Wire
from tests.support.typelab import EXTENSION

NUMBERS = 'SELECT g AS id, repeat(\'x\', g % 7) AS "a ""b\'" FROM generate_series(1, {}) AS g'


@pytest.fixture
def session(empty_db: str) -> Iterator[Connection]:
    with psycopg.connect(empty_db, autocommit=True, row_factory=dict_row) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with conn.transaction():
            yield conn


@pytest.fixture
def target() -> Iterator[DuckSession]:
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{EXTENSION}'")
        yield DuckSession(connection)


def wire(session: Connection, query: str) -> Wire:
    """The query with plans for its columns, made for a table that has them."""
    session.execute(f"CREATE TEMP TABLE shape AS {query} LIMIT 0".encode())
    row = session.execute("SELECT 'shape'::regclass::oid::bigint AS relid").fetchone()
    assert row is not None
    return Wire([column_plan.plan_column(info) for info in column_plan.read_columns(session, row["relid"])], query)


@pytest.mark.parametrize("rows", [0, 1, 5000])
@pytest.mark.parametrize("part", [1, 1000])
def test_a_result_of_many_parts_arrives_whole(
    session: Connection, target: DuckSession, tmp_path: Path, rows: int, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PART", part)
    rows = min(rows, 20) if part == 1 else rows
    given, target.spool = wire(session, NUMBERS.format(rows)), Spool(session, tmp_path)
    intake.make(target, "made", given)
    intake.make(target, "counted", given, lambda found: f"SELECT count(*) AS n FROM ({found})")
    expected = [(row["id"], row["a \"b'"]) for row in session.execute(given.query.encode())]
    assert target.execute("SELECT * FROM made ORDER BY id").fetchall() == expected
    assert target.one("SELECT sum(n) FROM counted") == rows
    assert intake.insert(target, "made", given) == rows
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_is_larger_than_a_part_arrives(
    session: Connection, target: DuckSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PART", 2**20)
    query = "SELECT g AS id, repeat('x', CASE g WHEN 2 THEN 5000000 ELSE g END) AS v FROM generate_series(1, 3) AS g"
    given, target.spool = wire(session, query), Spool(session, tmp_path)
    intake.make(target, "made", given)
    assert target.execute("SELECT id, length(v) FROM made ORDER BY id").fetchall() == [(1, 1), (2, 5_000_000), (3, 3)]


@pytest.mark.parametrize("broken", ["SELECT 1 / (3 - g) AS id FROM generate_series(1, 9) AS g", "SELECT nothing"])
def test_an_error_leaves_the_transaction_and_its_snapshot(session: Connection, tmp_path: Path, broken: str) -> None:
    reading = Spool(session, tmp_path)
    before = session.execute("SELECT now(), pg_current_snapshot()::text").fetchone()
    with pytest.raises(errors.NeaptideError, match="PostgreSQL: "):
        list(reading.parts(broken))
    assert session.execute("SELECT now(), pg_current_snapshot()::text").fetchone() == before
    assert len(list(reading.parts("SELECT 1 AS one"))) == 1


def test_whoever_stops_in_the_middle_lets_the_next_one_read(
    session: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PART", 100)
    reading = Spool(session, tmp_path)
    with closing(reading.parts(NUMBERS.format(100_000))) as parts:
        next(parts)
    done = threading.Thread(target=lambda: list(reading.parts(NUMBERS.format(10))))
    done.start()
    done.join(30)
    assert not done.is_alive()


def test_a_setting_lasts_as_long_as_its_block(session: Connection, tmp_path: Path) -> None:
    reading = Spool(session, tmp_path)
    with reading.setting("enable_indexscan = off"):
        list(reading.parts("SELECT 1 AS one"))
        assert session.execute("SHOW enable_indexscan").fetchone() == {"enable_indexscan": "off"}
    assert session.execute("SHOW enable_indexscan").fetchone() == {"enable_indexscan": "on"}


def test_a_type_that_duckdb_does_not_read_exactly_is_no_value(session: Connection, tmp_path: Path) -> None:
    for value in ("1.5::numeric", "'a'::name", "ARRAY[1.5::numeric]", "'1'::oid"):
        with pytest.raises(errors.Bug, match="no binary form"):
            list(Spool(session, tmp_path).parts(f"SELECT {value} AS v"))


def test_no_room_and_no_folder_are_told(session: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Spool(session, tmp_path)
    tmp_path.rmdir()
    with pytest.raises(errors.TargetUnusable, match="can't be written"):
        list(reading.parts("SELECT 1 AS one"))
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b"))  # noqa: SIM115, PTH123
    with pytest.raises(errors.DiskFull):
        list(Spool(session, tmp_path.parent).parts("SELECT 1 AS one"))
