"""What the page says of the lag: the age of the data over an hour, from what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.page import lag


@pytest.mark.parametrize(
    ("ages", "p95", "most"),
    [([3.0], 3.0, 3.0), ([1.0] * 95 + [60.0] * 5, 1.0, 60.0), ([1.0] * 94 + [60.0] * 6, 60.0, 60.0)],
)
def test_the_age_that_was_held_nearly_always_and_the_highest(ages: Sequence[float], p95: float, most: float) -> None:
    found = lag.of([(float(place), age) for place, age in enumerate(ages)])
    assert found is not None and (found.p95, found.most, found.seconds) == (p95, most, len(ages) - 1)


def test_nothing_was_seen_yet() -> None:
    assert lag.of([]) is None


def test_the_picture_has_the_highest_of_every_two_minutes_the_newest_last() -> None:
    found = lag.of([(0.0, 1.0), (60.0, 5.0), (121.0, 2.0), (400.0, 9.0)])
    assert found is not None and found.bins == (1.0, 5.0, 0.0, 9.0)
