"""When the daemon runs: intervals, cron lines, and the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import config, errors
from jobs.daemon import schedule


def next_runs(line: str, start: datetime, count: int, zone: str = "Europe/Berlin") -> list[str]:
    """The next runs of a cron line as a daemon meets them that sleeps until each: in UTC."""
    trigger = schedule.trigger(config.Schedule(cron=line, timezone=zone))
    found: list[str] = []
    previous, now = None, start
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, now)
        assert previous is not None
        found.append(previous.astimezone(UTC).strftime("%d. %H:%M"))
        now = previous.astimezone(UTC) + timedelta(milliseconds=1)
    return found


def test_every_is_an_interval_and_ten_seconds_where_nothing_is_said() -> None:
    trigger = schedule.trigger(config.Schedule())
    now = datetime(2026, 11, 23, tzinfo=UTC)
    first = trigger.get_next_fire_time(now, now)
    assert first is not None
    assert first - now == timedelta(seconds=10)


@pytest.mark.parametrize("given", [{"every": timedelta(seconds=10)}, {"cron": "* * * * *"}], ids=["every", "cron"])
def test_after_a_clock_that_was_set_by_years_the_next_time_lies_right_ahead(given: dict[str, Any]) -> None:
    """APScheduler asks on from one time to the next until it has passed now."""
    trigger, now = schedule.trigger(config.Schedule(**given)), datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)
    for last in (datetime(1970, 1, 1, tzinfo=UTC), datetime(2082, 1, 1, tzinfo=UTC), now):
        due = trigger.get_next_fire_time(last, now)
        assert due is not None
        assert timedelta() < due - now <= timedelta(minutes=1)


def test_every_keeps_in_step_with_the_last_run() -> None:
    trigger, last = schedule.trigger(config.Schedule(every=timedelta(seconds=10))), datetime(2026, 11, 23, tzinfo=UTC)
    for late, wait in ((0.0, 10.0), (0.5, 9.5), (10.0, 10.0), (24.0, 6.0)):
        now = last + timedelta(seconds=late)
        due = trigger.get_next_fire_time(last, now)
        assert due is not None
        assert (due - now).total_seconds() == wait


def test_cron_is_read_in_its_time_zone() -> None:
    winter = datetime(2026, 11, 23, tzinfo=UTC)
    assert next_runs("0 3 * * *", winter, 2) == ["23. 02:00", "24. 02:00"]
    assert next_runs("0 3 * * *", winter, 1, zone="UTC") == ["23. 03:00"]


def test_a_daily_run_keeps_its_local_time_when_clocks_go_forward() -> None:
    # In 2026 Berlin's clocks jump from 2:00 to 3:00 on 29 March.
    assert next_runs("0 5 * * *", datetime(2026, 3, 27, 12, tzinfo=UTC), 3) == ["28. 04:00", "29. 03:00", "30. 03:00"]


def test_a_time_that_does_not_exist_that_day_is_met_an_hour_later() -> None:
    runs = next_runs("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC), 2)
    assert runs == ["29. 01:30", "30. 00:30"]


def test_a_time_that_exists_twice_is_met_twice() -> None:
    # On 25 October they go back from 3:00 to 2:00.
    runs = next_runs("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), 3)
    assert runs == ["25. 00:30", "25. 01:30", "26. 01:30"]


def test_a_run_every_five_minutes_goes_on_through_both_changes() -> None:
    for start in (datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)):
        runs = next_runs("*/5 * * * *", start, 36)
        expected = [(start + timedelta(minutes=5 * step)).strftime("%d. %H:%M") for step in range(36)]
        assert runs == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('cron = "61 * * * *"', "61"),
        ('cron = "* * *"', "wrong number of fields"),
        ('timezone = "Mars/Olympus"', "Mars/Olympus"),
        ('every = "1ms"', "every"),
    ],
)
def test_a_schedule_that_can_not_be_kept_is_refused_when_it_is_read(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[schedule]\n{text}\n")
    with pytest.raises(errors.ConfigError, match=complaint):
        config.load(path)
