"""The file is as of the oldest of the watermarks that it holds, whoever wrote it, and each table as of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.reporting import opening
from jobs.status import report
from jobs.targets.file import freshness
from jobs.verify import verify
from tests.support import runs, targets
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

NAMES = ("a", "b")
IMPATIENT = {"lock_timeout": timedelta(milliseconds=100)}


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Two tracked tables of ten rows, not synced yet."""
    found = Lab(empty_db, tmp_path, [{"name": f"public.{name}"} for name in NAMES], source=IMPATIENT)
    for name in NAMES:
        found.run(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)")
        found.run(f"INSERT INTO {name} SELECT g, 'old' FROM generate_series(1, 10) g")
    found.track()
    return found


@contextmanager
def locked(lab: Lab, table: str) -> Iterator[None]:
    with lab.connect(autocommit=False) as conn:
        conn.execute(f"LOCK TABLE {table}".encode())
        yield
        conn.rollback()


def now(lab: Lab) -> datetime:
    """By the source's clock."""
    with lab.connect() as conn:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def change(lab: Lab, table: str) -> datetime:
    """Change a row, and say when: a little before anybody can see it."""
    before = now(lab)
    lab.run(f"UPDATE {table} SET v = 'new ' || v WHERE id = 1")
    return before


def tamper(lab: Lab, table: str) -> None:
    """Let the published file differ from the source."""
    with targets.writing(lab.job) as file:
        file.execute(f"UPDATE public.{table} SET v = 'wrong' WHERE id = 7")


def told(lab: Lab) -> dict[str, datetime]:
    """As of when the file and each table are, by all who say so."""
    found = report.read_status(lab.job)
    beside = freshness.as_of(lab.job.files)
    with opening.open(lab.job.files.link, lake=lab.job.settings.lake) as store:
        assert found.as_of == beside == store.as_of == found.runs[0]["as_of"]
    assert found.as_of is not None
    tables = {table.table.removeprefix("public."): table.as_of for table in found.tables}
    return {"file": found.as_of} | {name: moment for name, moment in tables.items() if moment}


@pytest.mark.each_feed
def test_one_table_is_repaired(lab: Lab) -> None:
    lab.sync()
    tamper(lab, "a")
    changed = change(lab, "b")
    assert not verify.verify(lab.job, tables=["public.a"], repair=True).equal
    found = told(lab)
    assert found["file"] == found["b"] < changed < found["a"]


@pytest.mark.each_feed
def test_all_are_repaired_while_one_is_locked(lab: Lab) -> None:
    lab.sync()
    tamper(lab, "a")
    changed = change(lab, "b")
    with locked(lab, "b"):
        assert not verify.verify(lab.job, repair=True).equal
    found = told(lab)
    assert found["file"] == found["b"] < changed < found["a"]


@pytest.mark.each_feed
@pytest.mark.of_files("a first load of a lake leaves nothing where it is cut short")
def test_a_first_load_is_cut_short_and_then_one_of_its_tables_fails(lab: Lab) -> None:
    runs.killed_at(lab.job, "table_loaded")
    changed = change(lab, "a")
    with locked(lab, "a"):
        assert lab.sync().as_of < changed
    found = told(lab)
    assert found["file"] == found["a"] < changed < found["b"]


@pytest.mark.each_feed
def test_a_run_that_finds_nothing_moves_on_what_it_looked_at_and_no_other(lab: Lab) -> None:
    lab.sync()
    changed = change(lab, "b")
    with locked(lab, "b"):
        lab.sync()
        written = report.read_status(lab.job).runs[0]["run_id"]
        before = now(lab)
        assert not lab.sync().changed
        beside = report.read_status(lab.job)
        assert beside.runs[0]["run_id"] == written
        moments = {table.table: table.as_of for table in beside.tables}
    assert beside.as_of
    assert moments["public.a"]
    assert beside.as_of == moments["public.b"] < changed < before < moments["public.a"]
    lab.sync()
    lab.assert_equal()
    assert min(told(lab).values()) > before


@pytest.mark.each_feed
def test_a_run_of_one_table_leaves_the_other_as_old_as_it_is(lab: Lab) -> None:
    lab.sync()
    changed = change(lab, "b")
    change(lab, "a")
    for _ in range(2):
        assert lab.sync(tables=["public.a"]).as_of < changed
        found = told(lab)
        assert found["file"] == found["b"] < changed < found["a"]
