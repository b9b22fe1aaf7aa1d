"""A lake that is not what it should be: of another format, of somebody else, elsewhere, or with a catalog that dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from app import errors
from jobs import faults
from jobs.record import state
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.verify import verify
from tests.support import cluster
from tests.support.lakelab import LakeLab, end_sessions, shop_lake


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> Iterator[LakeLab]:
    with shop_lake(postgres, empty_db, tmp_path) as lab:
        yield lab


def _at_the_catalog(lab: LakeLab, statement: str) -> None:
    with psycopg.connect(lab.catalog, autocommit=True) as conn:
        conn.execute(statement.encode())


def _count(lab: LakeLab) -> object:
    with lab.open() as store:
        return store.query("SELECT count(*) FROM shop.a").rows


def _everybody(lab: LakeLab) -> tuple[Callable[[], object], ...]:
    return lab.sync, lambda: _count(lab), lambda: report.read_status(lab.job), lambda: verify.verify(lab.job)


def test_a_lake_of_another_format_is_named_and_left_alone(lab: LakeLab) -> None:
    lab.specs[:] = lab.specs[:1]
    lab.sync()
    for version in ("0.3", "2.0"):
        _at_the_catalog(lab, f"UPDATE ducklake_metadata SET value = '{version}' WHERE key = 'version'")
        for act in _everybody(lab):
            with pytest.raises(
                errors.TargetUnusable, match=rf"format {version}, and this version reads and writes 1\."
            ):
                act()
    _at_the_catalog(lab, "UPDATE ducklake_metadata SET value = '1.0' WHERE key = 'version'")
    lab.run("DELETE FROM shop.a WHERE id = 1")
    assert lab.sync().tables[0].action == "delta"
    lab.assert_equal()


@pytest.mark.long
def test_a_lake_of_an_earlier_neaptide_is_filled_anew_and_one_of_a_later_refused(lab: LakeLab) -> None:
    lab.sync()
    with lab.attached() as lake:
        lake.execute(f"UPDATE neaptide.file SET format = {state.FORMAT + 1}")
    with pytest.raises(errors.TargetUnusable, match=f"has format {state.FORMAT + 1}"):
        lab.sync()
    # What that version's tables looked like is unknown, but for the number.
    with lab.attached() as lake:
        lake.execute(f"UPDATE neaptide.file SET format = {state.FORMAT - 1}")
        lake.execute("ALTER TABLE neaptide.watermarks DROP COLUMN snapshot")
        lake.execute("CREATE TABLE shop.of_before AS SELECT 1 AS x")
    with pytest.raises(errors.TargetUnusable, match="earlier format"):
        lab.sync(tables=("shop.a",))
    assert _count(lab) == [(3000,)]
    run = lab.sync()
    assert {table.action for table in run.tables} == {"full"} and "copied anew" in " ".join(run.warnings)
    lab.assert_equal()
    with lab.open() as store:
        assert ("shop", "of_before") not in store.tables()
    assert not lab.sync().changed


def test_somebody_elses_lake_is_refused(lab: LakeLab) -> None:
    with lab.attached() as lake:
        lake.execute("CREATE SCHEMA shop; CREATE TABLE shop.a AS SELECT 1 AS theirs")
    with pytest.raises(errors.TargetUnusable, match=r"tables that are not Neaptide's: shop\.a"):
        lab.sync()
    with lab.attached() as lake:
        assert lake.execute("FROM shop.a").fetchall() == [(1,)]


def test_a_database_of_something_else_is_refused(lab: LakeLab) -> None:
    _at_the_catalog(lab, "CREATE TABLE ducklake_metadata (x int)")
    with pytest.raises(errors.TargetUnusable, match="catalog"):
        lab.sync()


def test_a_mistyped_place_can_be_mended_until_there_are_files(lab: LakeLab) -> None:
    (lab.folder / "in the way").write_text("no folder")
    with pytest.raises(errors.NeaptideError):
        replace(lab, store=str(lab.folder / "in the way")).sync()
    lab.sync()
    lab.assert_equal()
    elsewhere = replace(lab, store=str(lab.folder / "elsewhere"))
    lab.run("DELETE FROM shop.a WHERE id = 1")
    for act in (elsewhere.sync, lambda: _count(elsewhere)):
        with pytest.raises(
            errors.TargetUnusable, match=r"the files of the lake lie in .*the data/, and not in"
        ) as caught:
            act()
        assert caught.value.hint == "set [target] data to where they are"
    assert not (lab.folder / "elsewhere").exists()
    lab.sync()
    lab.assert_equal()


ALL = (
    "probed", "work_opened", "floor_read", "snapshot_joined", "table_done", "before_commit", "after_commit",
    "snapshot_released", "after_checkpoint", "before_freshness", "after_freshness",
)  # fmt: skip
LOADING = ("piece_loaded", "table_loaded", "snapshot_joined", "before_commit")


@pytest.mark.long
@pytest.mark.parametrize(("full", "points"), [(False, ALL), (True, LOADING)], ids=["delta in a daemon", "full"])
def test_a_catalog_may_die_at_any_point_of_a_run(
    lab: LakeLab, monkeypatch: pytest.MonkeyPatch, full: bool, points: tuple[str, ...]
) -> None:
    """The process goes on, the run ends with an error of ours if with any, and the next one mends what is to mend."""
    was, passed = faults.point, set[str]()
    wanted = ""

    def point(name: str) -> None:
        was(name)
        if name == wanted and name not in passed:
            passed.add(name)
            end_sessions(lab)

    lab.keep = None if full else OpenSessions()
    lab.sync()
    for wanted in points:  # noqa: B007  the fault's
        lab.run("UPDATE shop.a SET word = word || 'q' WHERE id < 100", "DELETE FROM shop.b WHERE id % 700 = 1")
        monkeypatch.setattr(faults, "point", point)
        with suppress(errors.Retryable):
            lab.sync(full=full)
        monkeypatch.undo()
        lab.sync()
        lab.assert_equal()
    assert passed == set(points)
    if lab.keep:
        lab.keep.close()
