"""How old something is, on a machine whose wall clock anybody may set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.beside.names import Names
from jobs.daemon import wallclock
from jobs.daemon.wallclock import WallClock
from jobs.position import clock
from jobs.run import housekeeping
from jobs.targets.file import freshness

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0


def read_at(moment: datetime, ago: float, **other: Any) -> dict[str, Any]:
    """A reading of the server's clock, that many seconds ago on this machine."""
    mark = clock.instant()
    return {"server": moment.isoformat(), "boot": mark["boot"], "seconds": mark["seconds"] - ago, **other}


def test_the_source_s_clock_goes_on_by_the_time_since_it_was_read() -> None:
    found = clock.server_now(read_at(NOON, HOUR))
    assert found is not None
    assert timedelta(hours=1) <= found - NOON < timedelta(hours=1, minutes=1)


@pytest.mark.parametrize("reading", [{"boot": "another"}, {"boot": ""}, {"seconds": 1e12}])
def test_a_reading_of_another_machine_or_another_boot_says_nothing_of_now(reading: dict[str, Any]) -> None:
    assert clock.server_now(read_at(NOON, HOUR, **reading)) is None


@pytest.mark.parametrize("kept", [{}, {"clock": None}, {"clock": {}}, {"clock": read_at(NOON, 0, server="noon")}])
def test_without_a_reading_this_machine_s_clock_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    monkeypatch.setattr(freshness, "read", lambda _: kept)
    assert abs(freshness.now(Names(tmp_path / "file")) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(("ago", "due"), [(HOUR / 2, False), (HOUR * 2, True), (-HOUR * 9000, True)])
def test_tombstones_are_looked_at_again_also_where_the_last_look_lies_ahead(
    tmp_path: Path, ago: float, due: bool
) -> None:
    looked = tmp_path / "looked"
    assert housekeeping._due(looked, housekeeping.EVERY)
    looked.touch()
    os.utime(looked, (time.time() - ago,) * 2)
    assert housekeeping._due(looked, housekeeping.EVERY) is due


def test_a_clock_that_is_set_is_noticed_once_and_one_that_is_slewed_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.4, -0.4, 3600.0, 3600.2, 0.0])
    monkeypatch.setattr(wallclock, "_ahead", lambda: next(moments))
    found = WallClock()
    assert [found.step().total_seconds() for _ in range(5)] == [0, 0, 3600.4, 0, -3600.2]


def test_a_process_that_stood_still_between_two_clocks_takes_that_for_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def clocks(stalls: list[float]) -> tuple[Callable[[], float], Callable[[], float]]:
        now = [100.0]

        def since_boot() -> float:
            return now[0]

        def wall() -> float:
            found = now[0]
            now[0] += stalls.pop() if stalls else 0.0
            return found + 5000

        return since_boot, wall

    since_boot, wall = clocks([120.0])
    monkeypatch.setattr(wallclock, "_since_boot", since_boot)
    monkeypatch.setattr(time, "time", wall)
    assert wallclock._ahead() == 5000
