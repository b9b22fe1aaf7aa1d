"""The rule that picks rows, and the watermark that follows: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.position import watermark
from jobs.position.snapshot import AGE_LIMIT, Snapshot
from jobs.position.watermark import Stamp, Watermark
from jobs.source.position import FloorReading
from tests.support import shapes

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STAMP = Stamp("updated_at", "updated_at")


def snapshot(text: str) -> Snapshot:
    return Snapshot.parse(text, as_of=NOON)


def picked(stamp: Stamp, last: Watermark, now: Snapshot) -> str:
    return watermark.changed_rows(stamp, last, now).as_string(None)


def test_a_floor_lies_at_the_oldest_transaction_less_the_margin() -> None:
    assert FloorReading(NOON, None, 0, 0).candidate(MINUTE) == NOON - MINUTE
    assert FloorReading(NOON, NOON - MINUTE, 0, 0).candidate(MINUTE) == NOON - 2 * MINUTE


def test_a_floor_does_not_rise_while_a_transaction_hides_when_it_began() -> None:
    assert FloorReading(NOON, None, 0, 0).advances
    assert not FloorReading(NOON, None, 1, 0).advances
    assert not FloorReading(NOON, None, 0, 1).advances
    assert watermark.next_floor(NOON, NOON + MINUTE, advances=False) == NOON
    assert watermark.next_floor(None, NOON, advances=False) is None


def test_a_floor_sinks_with_a_clock_that_steps_back_each_time_within_the_margin() -> None:
    for advances in (True, False):
        floor = watermark.next_floor(NOON, NOON - MINUTE, advances=advances)
        assert floor is not None
        assert watermark.next_floor(floor, NOON - 2 * MINUTE, advances=advances) == NOON - 2 * MINUTE


def test_both_ends_of_the_rule_are_inclusive() -> None:
    found = picked(STAMP, Watermark(snapshot("100:120:100"), NOON), snapshot("130:130:"))
    assert found == ("\"updated_at\" >= '2026-11-23T12:00:00+00:00'::timestamptz AND age(xmin) <= age('100'::xid)")


def test_ids_beyond_32_bits_are_compared_by_age() -> None:
    last = Watermark(snapshot(f"{2**33 + 5}:{2**33 + 9}:"), NOON)
    assert "age('5'::xid)" in picked(STAMP, last, snapshot(f"{2**33 + 9}:{2**33 + 9}:"))


def test_after_2_to_the_31_transactions_the_floor_alone_decides() -> None:
    last = Watermark(snapshot("100:100:"), NOON)
    far = snapshot(f"{100 + AGE_LIMIT}:{100 + AGE_LIMIT}:")
    assert "age" in picked(STAMP, last, snapshot(f"100:{99 + AGE_LIMIT}:"))
    assert "age" not in picked(STAMP, last, far)
    assert AGE_LIMIT < 2**31
    assert not watermark.needs_reload(last, far, by_clock=True)
    assert watermark.needs_reload(Watermark(last.snapshot, None), far, by_clock=True)
    assert not watermark.needs_reload(Watermark(last.snapshot, None), far, by_clock=False)


def test_no_floor_leaves_the_age_alone_to_decide() -> None:
    assert picked(STAMP, Watermark(snapshot("7:7:"), None), snapshot("9:9:")) == "age(xmin) <= age('7'::xid)"


def test_after_a_standby_the_snapshot_says_nothing_of_what_was_running() -> None:
    by_xid = Stamp("sync_xid", "xid")
    primary, standby = Watermark(snapshot("7:9:7"), None), Watermark(snapshot("7:9:"), None, standby=True)
    assert picked(by_xid, primary, snapshot("9:9:")) == (
        "\"sync_xid\" >= '7'::xid8 AND NOT pg_visible_in_snapshot(\"sync_xid\", '7:9:7'::pg_snapshot)"
    )
    assert picked(by_xid, standby, snapshot("9:9:")) == "\"sync_xid\" >= '7'::xid8"


@given(hours=st.integers(-12, 14), seconds=st.integers(0, 86_400))
def test_a_stamp_without_a_zone_is_never_above_its_own_floor(hours: int, seconds: int) -> None:
    """Whatever zone the writer's session had."""
    moment = NOON + timedelta(seconds=seconds)
    written = moment.astimezone(timezone(timedelta(hours=hours))).replace(tzinfo=None)
    found = picked(Stamp("s", "updated_at", zoned=False), Watermark(snapshot("7:7:"), moment), snapshot("9:9:"))
    assert datetime.fromisoformat(found.split("'")[1]) <= written


def test_a_rounded_stamp_is_looked_for_a_second_further_back() -> None:
    """`timestamptz(0)` rounds down by up to half a second."""
    for zoned in (True, False):
        exact, rounded = (
            picked(Stamp("s", "updated_at", zoned, yes), Watermark(snapshot("7:7:"), NOON), snapshot("9:9:"))
            for yes in (False, True)
        )
        moments = [datetime.fromisoformat(found.split("'")[1]) for found in (exact, rounded)]
        assert moments[0] - moments[1] == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("type_name", "typmod", "rounded"),
    [("timestamptz", -1, False), ("timestamptz(0)", 0, True), ("timestamptz(3)", 3, True), ("timestamptz(6)", 6, True)],
)
@given(micros=st.integers(0, 10**6))
def test_a_stamp_that_rounds_is_read_from_below_its_floor(
    type_name: str, typmod: int, rounded: bool, micros: int
) -> None:
    """PostgreSQL rounds to the nearest, so a row may be stamped up to half a step before it was written."""
    kind = replace(shapes.STAMP, type_name=type_name, typmod=typmod)
    stamp = shapes.table(shapes.with_column(5, type=kind)).stamp
    assert stamp is not None
    assert stamp.rounded is rounded
    written = NOON + timedelta(microseconds=micros)
    step = 10 ** (6 - typmod) if rounded else 1
    stored = NOON + timedelta(microseconds=(micros + step // 2) // step * step)
    found = picked(stamp, Watermark(snapshot("7:7:"), written), snapshot("9:9:"))
    assert datetime.fromisoformat(found.split("'")[1]) <= stored


def test_a_clock_that_lost_more_than_the_margin_is_told_from_one_that_lost_less() -> None:
    assert watermark.clock_stepped_back(NOON, NOON - 2 * MINUTE, None, MINUTE)
    assert not watermark.clock_stepped_back(NOON, NOON - MINUTE, None, MINUTE)
    assert watermark.clock_stepped_back(NOON, NOON + MINUTE, timedelta(hours=1), MINUTE)
    assert not watermark.clock_stepped_back(NOON, NOON + timedelta(hours=1), timedelta(hours=1), MINUTE)


def test_a_later_snapshot_sees_all_that_an_earlier_one_saw() -> None:
    earlier = snapshot("5:10:5,7")
    for later in ("5:10:5,7", "5:10:5", "7:10:7", "10:10:", "12:15:12", "7:20:7,15"):
        assert snapshot(later).sees_all_of(earlier), later
    for other in ("5:9:5,7", "5:10:5,6", "4:10:4", "6:12:6"):
        assert not snapshot(other).sees_all_of(earlier), other


def test_a_delta_holds_all_that_a_later_file_lacks_and_no_more() -> None:
    since = Watermark(snapshot("5:10:5"), NOON)
    assert watermark.includes(since, since)
    assert watermark.includes(since, Watermark(snapshot("11:11:"), NOON + MINUTE))
    assert watermark.includes(Watermark(snapshot("5:10:5"), None), Watermark(snapshot("11:11:"), NOON))
    # Older than what was read; stamped below the floor of what was read; or perhaps so.
    assert not watermark.includes(since, Watermark(snapshot("5:9:5"), NOON + MINUTE))
    assert not watermark.includes(since, Watermark(snapshot("11:11:"), NOON - MINUTE))
    assert not watermark.includes(since, Watermark(snapshot("11:11:"), None))
