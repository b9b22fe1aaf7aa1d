"""A machine's wall clock that is set while the daemon runs: runs come when they are due all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import daemonlab
from tests.support.daemonlab import first_run, left_behind, rows
from tests.support.daemons import WallClock, running, wait_until, write_config
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table without rows."""
    return daemonlab.empty(empty_db, tmp_path)


def arrives(lab: Lab, key: int) -> None:
    """A row that is committed now is in the file soon."""
    before = rows(lab)
    lab.run(f"INSERT INTO item VALUES ({key})")
    wait_until(lambda: rows(lab) == before + 1)


@pytest.mark.long
def test_commits_and_the_schedule_go_on_after_the_clock_was_set(lab: Lab, tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    with running(write_config(lab, every="300ms"), **clock.env) as daemon:
        first_run(daemon)
        clock.set_by(-3600)
        for key in (1, 2):
            arrives(lab, key)
        told = daemon.saw("clock_set")
        assert abs(told["seconds"] + 3600) < 1
        # The schedule's runs, too, which find nothing changed.
        done = len(daemon.records("run_done"))
        daemon.saw("run_done", times=done + 3)
        assert len(daemon.records("clock_set")) == 1
        clock.set_by(0)
        daemon.saw("clock_set", times=2)
        arrives(lab, 3)


def failed_at_least(lab: Lab, times: int) -> None:
    """The daemon has tried again."""
    wait_until(lambda: left_behind(lab)["failures_in_a_row"] >= times)


@pytest.mark.long
def test_a_pause_after_a_failure_is_as_long_as_it_was_before_the_clock_was_set(lab: Lab, tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    with running(write_config(lab, every="1h"), **clock.env) as daemon:
        first_run(daemon)
        lab.run("ALTER TABLE item RENAME TO gone")
        failed_at_least(lab, 2)
        clock.set_by(-3600)
        failed_at_least(lab, 3)
        lab.run("ALTER TABLE gone RENAME TO item")
        daemon.saw("recovered")
