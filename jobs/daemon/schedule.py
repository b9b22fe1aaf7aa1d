"""When the daemon runs, as APScheduler's triggers.

Each answers with its next time after now: APScheduler asks for all times since the last run, one by one, before it
drops all but one, which takes minutes where the wall clock was set forward by years, as after a boot without battery.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from app import config


def zone(schedule: config.Schedule) -> tzinfo:
    """The time zone the schedule is written in."""
    return ZoneInfo(schedule.timezone)


def trigger(schedule: config.Schedule) -> BaseTrigger:
    """`every`, or `cron` in the schedule's time zone.

    Where clocks go forward, a time that does not exist is met an hour later; where they go back, a
    time that exists twice is met twice. A run too many finds nothing changed.
    """
    if schedule.cron is not None:
        return Cron(CronTrigger.from_crontab(schedule.cron, timezone=zone(schedule)))
    return Every(schedule.interval)


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """At every multiple of an interval since the last run."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The next one after now; an interval from now where the last one lies in the future of a clock set back."""
        if previous_fire_time is None or previous_fire_time > now:
            return now + self._interval
        gone_by = (now - previous_fire_time) // self._interval
        return previous_fire_time + (gone_by + 1) * self._interval


class Cron(BaseTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """At the times of a cron line."""

    def __init__(self, line: CronTrigger) -> None:
        self._line = line

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next one after now, whenever the last was."""
        # In UTC: a sum in local time forgets which of two equal times it was.
        after = now.astimezone(UTC) + timedelta(microseconds=1 if previous_fire_time else 0)
        fire_time: datetime | None = self._line.get_next_fire_time(None, after)
        return fire_time
