"""When the daemon runs, as APScheduler's triggers."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

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
        return CronTrigger.from_crontab(schedule.cron, timezone=zone(schedule))
    return IntervalTrigger(seconds=schedule.interval.total_seconds(), timezone=zone(schedule))
