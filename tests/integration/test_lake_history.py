"""Histories in a lake: a part of each run's commit, whatever becomes of the lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import errors
from jobs import migrate
from jobs.backfill import backfill
from jobs.beside import paused
from jobs.record import state
from jobs.status import report
from jobs.tables.ranges import Range
from jobs.targets import pauses, targets
from jobs.targets.lake.target import LakeTarget
from jobs.verify import verify
from tests.support import cluster
from tests.support.lakelab import LakeLab, shop_lake, snapshots
from tests.support.syncing import Lab

ENDED = "SELECT id, word, operation, ended_by FROM history.a WHERE id < 3 ORDER BY id, valid_from"


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> Iterator[LakeLab]:
    with shop_lake(postgres, empty_db, tmp_path) as lab:
        for spec in lab.specs[:2]:
            spec["history"] = True
        lab.run("ALTER TABLE shop.a ADD span interval", "UPDATE shop.a SET span = '-3 microseconds' WHERE id = 1")
        yield lab


def _rows(lab: Lab, query: str) -> list[tuple[Any, ...]]:
    with lab.published() as file:
        return file.execute(query).fetchall()


def test_versions_are_part_of_the_runs_commit(lab: LakeLab) -> None:
    lab.sync()
    before = snapshots(lab)
    lab.run("UPDATE shop.a SET word = 'new' WHERE id = 1", "DELETE FROM shop.a WHERE id = 2")
    lab.sync()
    # DuckLake's own of an empty lake, and one for each run.
    assert (len(before), len(snapshots(lab))) == (2, 3)
    assert _rows(lab, ENDED) == [(1, "w1", "load", "update"), (1, "new", "update", None), (2, "w2", "load", "delete")]
    with lab.attached(int(str(before[-1]["id"]))) as then:
        assert then.execute("SELECT count(*) FROM history.a WHERE NOT is_current").fetchall() == [(0,)]
    with lab.open() as store:
        assert store.query("SELECT count(*) FROM history.a_at(now())").rows == [(2999,)]
        assert store.query("SELECT span FROM history.a WHERE id = 1").rows == [("-00:00:00.000003",)] * 2
        with pytest.raises(errors.QueryFailed, match="reaches back to"):
            store.query("FROM history.a_at(TIMESTAMPTZ '2001-01-01')")
    target = targets.of(lab.job)
    assert isinstance(target, LakeTarget)
    target.tidy_now()
    assert len(_rows(lab, ENDED)) == 3 and verify.verify(lab.job).equal


@pytest.mark.long
def test_what_a_pause_a_backfill_and_a_repair_leave_in_it(lab: LakeLab) -> None:
    lab.sync()
    pauses.pause(lab.job, ["shop.a"])
    lab.run("UPDATE shop.a SET word = 'paused' WHERE id = 1")
    lab.sync()
    assert _rows(lab, "SELECT count(*) FROM history.a WHERE id = 1") == [(1,)]
    pauses.resume(lab.job, [])
    lab.sync()
    with lab.attached() as lake:
        for table in ("shop.a", 'neaptide."a versions"'):
            lake.execute(f"UPDATE {table} SET word = 'wrong' WHERE id IN (2, 2000)")
    backfill.backfill(lab.job, "shop.a", Range(low="1", high="100"))
    assert _rows(lab, ENDED) == [
        (1, "w1", "load", "update"), (1, "paused", "update", None),
        (2, "wrong", "load", "backfill"), (2, "w2", "backfill", None),
    ]  # fmt: skip
    assert not verify.verify(lab.job, repair=True).equal
    assert _rows(lab, "SELECT operation FROM history.a WHERE id = 2000 AND is_current") == [("repair",)]
    assert verify.verify(lab.job).equal
    kept = {one.what: one for one in report.read_status(lab.job).kept}
    assert kept["versions of shop.a"].count == 3003 and kept["versions of shop.a"].bytes


def _in_files(lab: LakeLab) -> bool:
    return any(b"secret" in path.read_bytes() for path in lab.data.rglob("*.parquet"))


@pytest.mark.long
def test_what_is_hidden_is_in_no_earlier_snapshot(lab: LakeLab) -> None:
    lab.sync()
    lab.run("UPDATE shop.a SET word = 'secret' WHERE id = 1")
    lab.sync()
    lab.run("UPDATE shop.a SET word = 'other' WHERE id = 1")
    lab.sync()
    assert _in_files(lab)
    lab.specs[0]["mask"] = {"word": "redact"}
    lab.sync()
    assert _rows(lab, "SELECT word, is_current FROM history.a WHERE id = 1 ORDER BY valid_from") == [
        (None, False), (None, False), ("***", True),
    ]  # fmt: skip
    assert len(snapshots(lab)) == 1
    assert not _in_files(lab)


@pytest.mark.long
def test_a_files_histories_move_with_it(lab: LakeLab) -> None:
    file = Lab(lab.url, lab.folder / "here", lab.specs)
    lab.track()
    file.sync()
    file.run("UPDATE shop.a SET word = 'later', span = '1 day' WHERE id = 1", "DELETE FROM shop.b WHERE id = 7")
    file.sync()
    pauses.pause(file.job, ["shop.c"])
    found = migrate.migrate(lab.job, file.job.files)
    assert found.anew == ("shop.a",) and paused.read(lab.job.files).keys() == {"shop.c"}
    assert found.notes == ("the history of shop.a keeps span as it was, as span_old, in text",)
    lab.run("DELETE FROM shop.a WHERE id = 2")
    for _ in range(2):
        lab.sync()
        assert _rows(lab, "SELECT id, word, span_old, span, operation, ended_by FROM history.a WHERE id < 3"
            " ORDER BY id, valid_from") == [
            (1, "w1", "-00:00:00.000003", None, "load", "update"), (1, "later", "1 day", None, "update", "schema"),
            (1, "later", None, "1 day", "schema", None), (2, "w2", None, None, "load", "delete"),
        ]  # fmt: skip
        assert _rows(lab, "SELECT id FROM history.b WHERE NOT is_current") == [(7,)]
        assert verify.verify(lab.job).equal


@pytest.mark.long
def test_histories_outlive_an_earlier_format_of_the_lake(lab: LakeLab) -> None:
    lab.sync()
    lab.run("UPDATE shop.a SET word = 'new' WHERE id = 1")
    lab.sync()

    def age(*more: str) -> None:
        with lab.attached() as lake:
            for statement in (f"UPDATE neaptide.file SET format = {state.FORMAT - 1}", *more):
                lake.execute(statement)

    age("ALTER TABLE neaptide.watermarks DROP COLUMN snapshot")
    lab.run("DELETE FROM shop.a WHERE id = 2")
    run = lab.sync()
    assert "copied anew" in " ".join(run.warnings) and "histories" not in " ".join(run.warnings)
    assert _rows(lab, ENDED) == [(1, "w1", "load", "update"), (1, "new", "update", None), (2, "w2", "load", "delete")]
    assert verify.verify(lab.job).equal
    age("ALTER TABLE neaptide.history DROP COLUMN shape")
    assert "the histories begin anew" in " ".join(lab.sync().warnings)
    assert _rows(lab, ENDED) == [(1, "new", "load", None)]
    assert verify.verify(lab.job).equal
