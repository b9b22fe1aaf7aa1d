"""A table that can't be read while another source is taken over: nothing of the old source passes for the new one's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jobs.plan import steps
from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.verify import verify
from tests.support.cluster import Cluster
from tests.support.othersource import WAYS
from tests.support.syncing import Lab, read

# What a comparison of keys would refuse is no accident here.
SPECS = [{"name": "public.x", "deletes": "compare"}, {"name": "public.y"}, {"name": "public.gone"}]
GONE = "public.gone"
FILLED = "INSERT INTO {} SELECT g, '{}' FROM generate_series(1, {}) g"


@pytest.fixture
def lab(postgres: Cluster, empty_db: str, tmp_path: Path) -> Iterator[Lab]:
    """A synced file, and the lab at another source with other rows, which are older than the file."""
    first = Lab(
        empty_db, tmp_path, SPECS, source={"lock_timeout": timedelta(milliseconds=100)},
        sync_options={"on_schema_change": "fail"},
    )  # fmt: skip
    second = replace(first, url=postgres.create_database())
    for one, names, rows in ((second, ("x", "y"), 2), (first, ("x", "y", "gone"), 30)):
        one.run(*(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)" for name in names))
        one.run(*(FILLED.format(name, f"{rows} rows", rows) for name in names))
        one.specs = [spec for spec in SPECS if spec["name"].removeprefix("public.") in names]
        one.track()
    first.sync()
    second.specs = SPECS
    yield second
    postgres.drop_database(second.url)


@contextmanager
def x_locked(lab: Lab) -> Iterator[None]:
    with lab.connect(autocommit=False) as conn:
        conn.execute("LOCK TABLE x")
        yield
        conn.rollback()


def take_over(lab: Lab, way: str) -> tuple[str, ...]:
    """The warnings of the way that the refusal names."""
    return verify.verify(lab.job, repair=True).warnings if way == "repair" else lab.sync(full=True).warnings


def file_rows(lab: Lab) -> list[tuple[str, ...]]:
    return read(lab.folder / "reporting.duckdb", "public.x", ["id", "v", "updated_at"])


def problems(lab: Lab) -> str:
    return "\n".join(report.read_status(lab.job).problems)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_a_locked_table_keeps_its_rows_and_moment_and_is_copied_anew_once_it_can_be(lab: Lab, way: str) -> None:
    lab.keep = OpenSessions() if way == "repair" else None
    old, before = file_rows(lab), report.read_status(lab.job).as_of
    with x_locked(lab):
        warnings = take_over(lab, way)
        assert any(told.startswith("public.gone, public.x: the rows stay as another source had") for told in warnings)
        assert not any("clock was set back" in told for told in warnings)
        assert_left(lab, old, before)
        lab.run("UPDATE y SET v = 'of the second'")
        lab.sync(tables=["public.y"])
        assert_left(lab, old, before)
    lab.run("UPDATE x SET v = 'later' WHERE id = 1")
    planned = {table.table: table.reason for table in dryrun.dry_run(lab.job).tables}
    assert planned["public.x"] == steps.FOREIGN
    if way == "repair":
        # It brings the file up to date before it compares.
        assert {table.table for table in verify.verify(lab.job, repair=True).tables if not table.equal} == {GONE}
    else:
        done = {table.table: (table.action, table.reason) for table in lab.sync().tables}
        assert done["public.x"] == ("full", steps.FOREIGN)
    assert f"public.x: {steps.FOREIGN}" not in problems(lab)
    assert_goes_on(lab)


def assert_left(lab: Lab, old: list[tuple[str, ...]], before: datetime | None) -> None:
    """What can't be read stands there as it was, as of when it was, and it is said whose it is."""
    lab.assert_equal("public.y")
    assert file_rows(lab) == old
    assert report.read_status(lab.job).as_of == before
    for name in ("public.x", GONE):
        assert f"{name}: {steps.FOREIGN}" in problems(lab)
        assert f"{name} is left as it was" in problems(lab)


def assert_goes_on(lab: Lab) -> None:
    lab.specs = [{**spec, "max_delete_share": 1} for spec in SPECS[:2]]
    for turn in range(3):
        lab.assert_equal()
        lab.run(f"UPDATE x SET v = 'turn {turn}' WHERE id = 1", f"INSERT INTO y VALUES ({100 + turn}, 'new')")
        lab.sync()
    assert verify.verify(lab.job).equal


def test_a_table_that_fails_in_a_repair_of_its_own_source_goes_on_from_its_watermark(lab: Lab) -> None:
    take_over(lab, "full")
    lab.run("UPDATE x SET v = 'late' WHERE id = 2")
    with x_locked(lab):
        assert not take_over(lab, "repair")
        assert f"public.x: {steps.FOREIGN}" not in problems(lab)
    done = {table.table: table.action for table in lab.sync().tables}
    assert done["public.x"] == "delta"
    assert_goes_on(lab)
