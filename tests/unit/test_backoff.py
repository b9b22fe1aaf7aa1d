"""Pauses after failures, and which of them are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app import errors
from jobs.backoff import Backoff, Reporter, until_reached

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_pauses_double_up_to_the_cap_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(first=timedelta(seconds=1), cap=timedelta(seconds=10))
    assert [backoff.failed().total_seconds() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.succeeded()
    assert backoff.failed() == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (errors.SourceUnavailable("the database system is starting up"), [1, 2, 2, 2]),
        (errors.BrokerUnavailable("refused"), [1, 2, 2, 2]),
        (errors.AccessDenied("password authentication failed"), [1, 2, 4, 8, 15, 15]),
    ],
)
def test_who_is_away_is_asked_every_other_second_and_who_refuses_more_rarely(
    error: errors.NeaptideError, pauses: list[int]
) -> None:
    backoff = Backoff()
    assert [until_reached(backoff, error).total_seconds() for _ in pauses] == pauses


def test_a_year_of_failures_does_not_overflow() -> None:
    backoff = Backoff()
    backoff.failures = 600_000
    assert backoff.failed() == timedelta(minutes=1)


def test_a_failure_is_told_once_and_again_with_a_count_when_it_was_quiet_for_long_enough() -> None:
    reporter = Reporter(quiet=timedelta(minutes=5))
    told = [reporter.failed("down", NOON + timedelta(minutes=minute), 60.0 * minute) for minute in range(12)]
    assert [(minute, trouble.count) for minute, trouble in enumerate(told) if trouble] == [(0, 1), (5, 6), (10, 11)]
    assert all(trouble.since == NOON for trouble in told if trouble)


def test_another_message_is_told_at_once() -> None:
    reporter = Reporter()
    reporter.failed("down", NOON, 0)
    assert reporter.failed("no permission", NOON + timedelta(seconds=1), 1) is not None
    assert reporter.failed("no permission", NOON + timedelta(seconds=2), 2) is None


def test_a_clock_that_is_set_neither_silences_nor_repeats() -> None:
    reporter = Reporter(quiet=timedelta(minutes=5))
    reporter.failed("down", NOON, 0)
    assert reporter.failed("down", NOON + timedelta(days=1), 1) is None
    assert reporter.failed("down", NOON - timedelta(days=1), 301) is not None


def test_recovery_is_told_once_with_how_often_and_since_when() -> None:
    reporter = Reporter()
    assert reporter.succeeded() is None
    for second in range(3):
        reporter.failed("down", NOON + timedelta(seconds=second), second)
    over = reporter.succeeded()
    assert over is not None
    assert (over.count, over.since, over.message) == (3, NOON, "down")
    assert reporter.succeeded() is None
    assert reporter.failed("down", NOON, 9) is not None
