"""What the file says of its runs: all phases and the true end, or nothing where nobody knows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from jobs import faults
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.verify import verify
from tests.support import modellab, targets
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

ALL = {"probe", "load", "apply", "checkpoint", "publish"}


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table, not synced yet."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found.run("CREATE TABLE item (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())")
    found.track()
    return found


def record(run: dict[str, Any]) -> tuple[Any, ...]:
    return run["run_id"], run["finished_at"], run["phases"], run["seconds"]


def test_each_run_has_all_its_phases_and_its_true_end_at_once_and_for_good(lab: Lab) -> None:
    made = []
    for key in range(5):
        lab.run(f"INSERT INTO item VALUES ({key})")
        run = lab.sync()
        made.append((run.run_id, run.finished_at, run.phases, (run.finished_at - run.started_at).total_seconds()))
        assert set(run.phases) == ALL
        assert not lab.sync().changed
        assert [record(found) for found in report.history(lab.job, 10)] == made[::-1]
    assert [record(found) for found in report.read_status(lab.job, runs=2).runs] == made[:-3:-1]
    with lab.published() as file:
        kept = file.execute("SELECT finished_at FROM neaptide.runs ORDER BY run_id").fetchall()
    assert [row[0] for row in kept[:-1]] == [end for _, end, _, _ in made[:-1]]


@pytest.mark.parametrize("kept", [False, True])
def test_what_each_run_did_to_the_models_is_told_at_once_and_for_good(lab: Lab, kept: bool) -> None:
    modellab.write(lab, "counted", "SELECT count(*) AS n FROM item")
    modellab.write(lab, "ranked", "SELECT id, rank() OVER (ORDER BY id) AS place FROM item")
    modellab.write(lab, "narrow", "SELECT CAST(CAST(id + 126 AS VARCHAR) AS TINYINT) AS n FROM item", "n")
    made: list[set[tuple[Any, ...]]] = []
    with contextlib.closing(OpenSessions()) if kept else contextlib.nullcontext() as keep:
        lab.keep = keep
        for key in range(5):
            lab.run(f"INSERT INTO item VALUES ({key})")
            if key == 3:
                modellab.remove(lab, "ranked")
            run = lab.sync()
            made.insert(0, {(one.model, one.action, one.reason, one.seconds, one.error) for one in run.models})
            assert not lab.sync().changed
            assert [models(found) for found in report.history(lab.job, 10)] == made
    assert [{one[:2] for one in run} for run in made[1:4:2]] == [
        {("counted", "sums"), ("narrow", "failed"), ("ranked", "removed")},
        {("counted", "sums"), ("narrow", "rows"), ("ranked", "whole")},
    ]
    lab.sync_options["keep_runs"] = 2
    lab.run("INSERT INTO item VALUES (9)")
    lab.sync()
    with lab.published() as file:
        assert file.execute("SELECT count(DISTINCT run_id) FROM neaptide.model_runs").fetchone() == (2,)


def models(run: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {tuple(one[name] for name in ("model", "action", "reason", "seconds", "error")) for one in run["models"]}


def test_the_last_change_of_a_table_is_told_and_a_quiet_run_is_none(lab: Lab) -> None:
    for key in range(2):
        lab.run(f"INSERT INTO item VALUES ({key})")
        run = lab.sync()
    assert not lab.sync().changed
    found = report.read_status(lab.job)
    assert [table.changed_at for table in found.tables] == [run.as_of]
    assert found.today is not None
    assert found.today["failed"] == 0


def test_a_repair_tells_its_phases_too(lab: Lab) -> None:
    lab.run("INSERT INTO item VALUES (1)")
    lab.sync()
    with targets.writing(lab.job) as file:
        file.execute("DELETE FROM public.item")
    verify.verify(lab.job, repair=True)
    newest = report.history(lab.job, 1)[0]
    assert (newest["kind"], set(newest["phases"])) == ("repair", {"compare", "checkpoint", "publish"})


class Killed(BaseException):
    """What ends a run at a fault point."""


def test_the_end_of_a_run_that_died_before_it_could_tell_is_not_made_up(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run("INSERT INTO item VALUES (1)")
    lab.sync()

    def point(name: str) -> None:
        if name == "before_freshness":
            raise Killed

    lab.run("INSERT INTO item VALUES (2)")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(faults, "point", point)
        lab.sync()
    for _ in range(3):
        died = report.history(lab.job, 5)[-2]
        assert (died["finished_at"], died["seconds"]) == (None, None)
        assert "publish" not in died["phases"]
        lab.run("INSERT INTO item SELECT max(id) + 1 FROM item")
        lab.sync()
    assert all(run["seconds"] > 0 for run in report.history(lab.job, 3))


def test_the_seconds_of_a_table_that_is_copied_anew_are_its_own(lab: Lab) -> None:
    lab.run("INSERT INTO item VALUES (1)")
    lab.run("CREATE VIEW slow AS SELECT id, pg_sleep(1)::text AS slept FROM item")
    lab.specs.append({"name": "public.slow", "watermark": "none", "deletes": "compare"})
    seconds = {table.table: table.seconds for table in lab.sync().tables}
    assert seconds["public.slow"] >= 1 and 0 < seconds["public.item"] < seconds["public.slow"]
