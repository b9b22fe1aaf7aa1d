"""When the next run is due, whatever is done to the wall clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import config
from jobs.daemon.agenda import Agenda

HOUR = timedelta(hours=1)
DAILY = {"cron": "0 3 * * *"}
EVERY = {"every": timedelta(minutes=5)}


@pytest.fixture
def stepping(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """The steps of the wall clock that will be found."""
    steps: list[timedelta] = []
    monkeypatch.setattr("jobs.daemon.wallclock.WallClock.step", lambda _: steps.pop() if steps else timedelta())
    return steps


@contextmanager
def agenda(schedule: dict[str, Any]) -> Iterator[Agenda]:
    """One whose first run is over."""
    found, ran = Agenda(config.Schedule(**schedule), lambda _: None), threading.Event()
    found.start()
    found.begin(ran.set)
    assert ran.wait(60)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("schedule", "asked", "step", "moved"),
    [
        (EVERY, False, -HOUR, -HOUR),
        (EVERY, False, HOUR, HOUR),
        (EVERY, True, -HOUR, -HOUR),
        (DAILY, True, -HOUR, -HOUR),
        (DAILY, True, HOUR, HOUR),
        (DAILY, False, HOUR, timedelta()),
        (EVERY, False, timedelta(), timedelta()),
    ],
)
def test_a_pause_is_as_long_as_it_was(
    stepping: list[timedelta], schedule: dict[str, Any], asked: bool, step: timedelta, moved: timedelta
) -> None:
    with agenda(schedule) as found:
        # Further away than any step, which would set it off.
        found.run_in(7200)
        if not asked:
            found.began()
        due = found.next_run
        assert due is not None
        stepping.append(step)
        assert found.look() == step
        assert found.next_run == due + moved
        assert found.look() == timedelta()
        assert found.next_run == due + moved


def test_after_a_step_the_next_run_is_due_when_it_should_be(stepping: list[timedelta]) -> None:
    """A cron line means the wall clock: a night that comes again is met again."""
    with agenda(DAILY) as found:
        found.run_in(timedelta(days=3).total_seconds())
        found.began()
        stepping.append(-timedelta(days=3))
        found.look()
        due = found.next_run
        assert due is not None
        assert due - datetime.now(UTC) <= timedelta(days=1)
        assert (due.hour, due.minute) == (3, 0)


def test_nothing_is_due_while_it_pauses(stepping: list[timedelta]) -> None:
    with agenda(EVERY) as found:
        found.pause()
        stepping.append(HOUR)
        assert found.look() == HOUR
        found.run_in(0)
        assert found.next_run is None
