"""When the next run is due. APScheduler works that out by the wall clock; here pauses keep their length all the same.

`look` has to be called about once a second. After a step of the clock it moves the next run by as much, so that an
interval, a pause after a failure or the one after a commit is as long as it was. A cron line means the wall clock:
there the next time is looked up anew. The scheduler is woken, too, which else sleeps for as long as it once worked out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler import events
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from app import config
from jobs.daemon import schedule
from jobs.daemon.wallclock import WallClock

_SYNC = "sync"
_HEARD = events.EVENT_JOB_EXECUTED | events.EVENT_JOB_ERROR | events.EVENT_JOB_MISSED | events.EVENT_JOB_MAX_INSTANCES


class Agenda:
    """The one job of the daemon. `heard` gets APScheduler's events: done, failed, missed, still under way."""

    def __init__(self, planned: config.Schedule, heard: Callable[[Any], None]) -> None:
        self._trigger = schedule.trigger(planned)
        self._by_the_clock = planned.cron is not None
        self._scheduler = BackgroundScheduler(
            timezone=schedule.zone(planned),
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(heard, _HEARD)
        self._wall = WallClock()
        self._guard = threading.Lock()
        # Whether the next run was asked for, or is one of the schedule.
        self._asked = False

    @property
    def working(self) -> bool:
        """Whether the scheduler's thread is there."""
        return bool(self._scheduler.running)

    @property
    def next_run(self) -> datetime | None:
        """When the next run is due by the wall clock; None while there are to be none."""
        return getattr(self._scheduler.get_job(_SYNC), "next_run_time", None)

    def start(self) -> None:
        """Start the scheduler, without a run."""
        self._scheduler.start(paused=True)

    def begin(self, work: Callable[[], object]) -> None:
        """Run now, and from now on by the schedule."""
        now = datetime.now(UTC)
        self._scheduler.add_job(work, self._trigger, id=_SYNC, replace_existing=True, next_run_time=now)
        self._scheduler.resume()

    def pause(self) -> None:
        """No more runs until `begin`."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(_SYNC)

    def close(self) -> None:
        """Stop the scheduler; a run in hand goes on."""
        self._scheduler.shutdown(wait=False)

    def run_in(self, seconds: float) -> None:
        """Run after so many seconds, in place of the next time of the schedule."""
        with self._guard:
            self._asked = True
            self._move(datetime.now(UTC) + timedelta(seconds=max(0.0, seconds)))

    def run_within(self, seconds: float) -> None:
        """Run after so many seconds, if none is due before."""
        due = self.next_run
        if due is None or due > datetime.now(UTC) + timedelta(seconds=seconds):
            self.run_in(seconds)

    def began(self) -> None:
        """A run began: what comes next is the schedule's."""
        with self._guard:
            self._asked = False

    def look(self) -> timedelta:
        """Keep pauses as long as they were where the wall clock was set, and say by how much it was."""
        with self._guard:
            step = self._wall.step()
            due = self.next_run
            if step and due is not None:
                self._move(self._after(step, due))
        self._scheduler.wakeup()
        return step

    def _after(self, step: timedelta, due: datetime) -> datetime:
        """When what was due then is due by the clock as it is set now."""
        if self._asked or not self._by_the_clock:
            return due + step
        # A time that was skipped is met at once; one that comes again is met again.
        return due if step > timedelta() else self._trigger.get_next_fire_time(None, datetime.now(UTC)) or due

    def _move(self, moment: datetime) -> None:
        with suppress(JobLookupError):
            self._scheduler.modify_job(_SYNC, next_run_time=moment)
