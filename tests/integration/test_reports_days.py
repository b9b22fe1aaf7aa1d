"""The day of a row in the time zone asked for: the quick way of `sql/reports/_days.sql` against `AT TIME ZONE`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import statements
from app.reporting import opening
from app.reporting import store as reporting
from tests.support import shopdata, shopfile
from tests.support.reportchecks import day_of, run

DAYS = (statements.folder("reports") / "_days.sql").read_text(encoding="utf-8")
# A time zone, and the middle of the times that are looked at.
CASES = [
    ("UTC", "2024-03-31"),
    ("Etc/UTC", "2024-03-31"),
    ("Europe/Berlin", "2024-03-31"),
    ("Europe/Berlin", "2023-10-29"),
    ("Australia/Lord_Howe", "2024-04-06"),
    # Forward at midnight, so that there is no midnight, and back at midnight.
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"),
    # Back at one minute past midnight: the day before has a last hour again.
    ("America/St_Johns", "2010-11-07"),
    ("Asia/Kathmandu", "1986-01-01"),
    ("Asia/Pyongyang", "2018-05-04"),
    ("Africa/Casablanca", "2024-03-10"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Kiritimati", "1994-12-31"),
    ("Pacific/Kiritimati", "2024-01-01"),
    ("Etc/GMT+12", "2024-01-01"),
    # 44 minutes and 30 seconds behind, until 1972.
    ("Africa/Monrovia", "1972-01-07"),
    # Whole days before 1970 have negative numbers.
    ("America/New_York", "1969-10-26"),
]
FAR = ["infinity", "-infinity", "0001-01-01 00:00:00+00", "1883-11-18 17:00:00+00", "9999-12-31 23:59:59.999999+00"]


def _times(middle: datetime) -> list[datetime]:
    """Every quarter of an hour of five days, and the microsecond before it."""
    quarters = [middle + timedelta(minutes=15 * n) for n in range(-240, 240)]
    return sorted([*quarters, *(one - timedelta(microseconds=1) for one in quarters)])


def _file(folder: Path, times: list[Any], as_of: datetime) -> Path:
    """A file whose orders, returns and payments all have these times."""
    tables = {
        "orders": [{"placed_at": at} for at in times],
        "order_returns": [{"returned_at": at} for at in times],
        "payments": [{"paid_at": at} for at in times],
    }
    return shopfile.build(folder, tables, as_of=as_of)


def _days(store: reporting.Store, name: str, zone: str) -> list[str]:
    rows = store.query(f"{DAYS} SELECT CAST(day AS VARCHAR) FROM {name} ORDER BY day NULLS LAST", {"timezone": zone})
    return [row[0] for row in rows.rows]


def _plain_days(store: reporting.Store, table: str, column: str, zone: str) -> list[str]:
    day = f"CAST({column} AT TIME ZONE $timezone AS DATE)"
    rows = store.query(
        f"SELECT CAST(day AS VARCHAR) FROM (SELECT {day} AS day FROM {table}) ORDER BY day NULLS LAST",
        {"timezone": zone},
    )
    return [row[0] for row in rows.rows]


def _check(store: reporting.Store, zone: str) -> None:
    query = f"{DAYS} SELECT placed_at, day FROM dated_order WHERE day IS DISTINCT FROM CAST(placed_at AT TIME ZONE"
    assert store.query(f"{query} $timezone AS DATE)", {"timezone": zone}).rows == []
    for name, table, column in (
        ("dated_order", "shop.orders", "placed_at"),
        ("dated_return", "shop.order_returns", "returned_at"),
        ("dated_payment", "shop.payments", "paid_at"),
    ):
        assert _days(store, name, zone) == _plain_days(store, table, column, zone)


@pytest.mark.parametrize(("zone", "middle"), CASES)
# In the range of `clock`, and at its first days and before them.
@pytest.mark.parametrize("later", [timedelta(days=9), timedelta(days=20 * 366)])
def test_a_day_is_what_at_time_zone_says_also_where_the_clocks_change(
    tmp_path: Path, zone: str, middle: str, later: timedelta
) -> None:
    at = datetime.fromisoformat(middle).replace(tzinfo=UTC)
    with opening.open(_file(tmp_path, _times(at), at + later)) as store:
        _check(store, zone)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia", "America/New_York"])
def test_a_time_far_away_or_infinite_or_unknown_has_the_day_it_always_had(tmp_path: Path, zone: str) -> None:
    with opening.open(_file(tmp_path, [*FAR, None], shopfile.AS_OF)) as store:
        _check(store, zone)
        assert len(_days(store, "dated_order", zone)) == len(FAR) + 1


@pytest.mark.parametrize(
    ("zone", "changes"),
    [("Europe/Berlin", {date(2024, 3, 31), date(2023, 10, 29)}), ("Asia/Tokyo", set()), ("UTC", None)],
)
def test_the_calendar_is_asked_on_days_when_the_clocks_change_only(
    tmp_path: Path, zone: str, changes: set[date] | None
) -> None:
    year = {date(2023, 7, 1) + timedelta(days=n) for n in range(366)}
    with opening.open(_file(tmp_path, [], shopfile.AS_OF)) as store:
        known = {row[0] for row in store.query(f"{DAYS} SELECT day FROM clock", {"timezone": zone}).rows}
    assert year - known == (year if changes is None else changes)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[datetime], reporting.Store]]:
    """An order every half hour of nine days."""
    times = [datetime(2024, 3, 6, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(9 * 48)]
    orders = [{"placed_at": at, "status": "open", "currency": "EUR", "total": 1, "paid": 0} for at in times]
    with opening.open(shopfile.build(tmp_path_factory.mktemp("file"), {"orders": orders})) as store:
        yield times, store


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"])
def test_a_period_begins_and_ends_with_its_days_in_the_zone(
    halves: tuple[list[datetime], reporting.Store], zone: str
) -> None:
    times, store = halves
    days = [day_of(at, zone) for at in times]
    for first in sorted(set(days)):
        for last in (first, first + timedelta(days=1), first + timedelta(days=5)):
            [row] = run(store, "order_status", from_=first, to=last, timezone=zone)
            assert row[2] == sum(first <= day <= last for day in days)
        assert run(store, "order_status", from_=first, timezone=zone)[0][2] == sum(day >= first for day in days)
        assert run(store, "order_status", to=first, timezone=zone)[0][2] == sum(day <= first for day in days)


def test_an_order_without_lines_is_no_sale_and_lines_without_an_order_are_none(tmp_path: Path) -> None:
    shop = shopdata.draw(3, orders=40)
    empty = next(one for one in shop["orders"] if one["status"] == "shipped")
    gone = next(one for one in shop["orders"] if one["status"] == "paid")
    shop.tables["order_items"] = [item for item in shop["order_items"] if item["order_id"] != empty["id"]]
    shop.tables["order_returns"] = [one for one in shop["order_returns"] if one["order_id"] != empty["id"]]
    shop.tables["orders"] = [order for order in shop["orders"] if order is not gone]
    with opening.open(shopfile.build(tmp_path, shop.tables)) as store:
        lines = {item["order_id"] for item in shop["order_items"]}
        kept = [one for one in shop["orders"] if one["status"] != "cancelled" and one["id"] in lines]
        for name, place in (("sales_monthly", 2), ("sales_daily", 2), ("sales_by_country", 3), ("rfm", 4)):
            assert sum(row[place] for row in run(store, name)) == len(kept), name
        assert sum(row[2] + row[4] for row in run(store, "new_and_returning")) == len(kept)
