"""Receivables, overdue instalments, payments and statuses against the same sums done in Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.reporting import store as reporting
from tests.support import reportchecks
from tests.support.reportchecks import day_of, month_of, run
from tests.support.shopdata import Shop

BUCKETS = ["0-30", "31-60", "61-90", ">90"]

shop, store = reportchecks.drawn(5, 6)


def _owed(shop: Shop, on: date) -> list[tuple[Any, ...]]:
    customers, rows = shop.by_id("customers"), []
    paid: dict[Any, Decimal] = defaultdict(Decimal)
    for one in shop["payments"]:
        paid[one["order_id"]] += one["amount"] if one["kind"] == "payment" else -one["amount"]
    for order in sorted(shop["orders"], key=lambda one: (one["currency"], one["placed_at"], one["number"])):
        rest, days = order["total"] - paid[order["id"]], (on - day_of(order["placed_at"])).days
        if order["status"] != "cancelled" and rest > 0:
            bucket = BUCKETS[0 if days <= 30 else 1 if days <= 60 else 2 if days <= 90 else 3]
            reference = customers[order["customer_id"]]["reference"]
            rows.append(
                (order["number"], reference, order["currency"], order["total"], paid[order["id"]], rest, days, bucket)
            )
    return rows


@pytest.mark.parametrize("on", [date(2024, 4, 20), date(2024, 6, 20)])
def test_every_order_that_is_not_paid_in_full_is_receivable(shop: Shop, store: reporting.Store, on: date) -> None:
    wanted = _owed(shop, on)
    assert run(store, "receivables", on=on, limit=10_000) == wanted
    assert len({row[7] for row in wanted}) >= 3


def test_receivables_are_aged_to_the_day_of_as_of_unless_told(shop: Shop, store: reporting.Store) -> None:
    assert run(store, "receivables", limit=10_000) == _owed(shop, date(2024, 6, 30))


def test_the_oldest_receivables_of_each_currency_come_first(shop: Shop, store: reporting.Store) -> None:
    wanted = _owed(shop, date(2024, 6, 30))
    by_currency = [[row for row in wanted if row[2] == currency][:4] for currency in ("EUR", "USD")]
    assert run(store, "receivables", limit=4) == by_currency[0] + by_currency[1]


def test_ages_add_up_to_the_receivables(shop: Shop, store: reporting.Store) -> None:
    groups: dict[Any, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for _, _, currency, _, _, owed, _, bucket in _owed(shop, date(2024, 4, 30)):
        groups[currency, BUCKETS.index(bucket)][0] += 1
        groups[currency, BUCKETS.index(bucket)][1] += owed
    wanted = [(currency, BUCKETS[place], *group) for (currency, place), group in sorted(groups.items())]
    assert run(store, "receivables_aging", on="2024-04-30") == wanted


def _overdue(shop: Shop, on: date) -> list[tuple[Any, ...]]:
    orders, customers, newest = shop.by_id("orders"), shop.by_id("customers"), {}
    for financing in sorted(shop["financings"], key=lambda one: (one["simulated_at"], str(one["id"]))):
        newest[financing["order_id"]] = financing["id"]
    rows = []
    for order_id, financing_id in newest.items():
        order, due = orders[order_id], Decimal(0)
        for one in (one for one in shop["instalments"] if one["financing_id"] == financing_id):
            due += one["principal"]
            late = (on - one["due_date"]).days
            if order["status"] != "cancelled" and late > 0 and due > order["paid"]:
                reference = customers[order["customer_id"]]["reference"]
                rows.append((order["number"], reference, order["currency"], one["number"], one["due_date"], late,
                             one["payment"], due, order["paid"]))  # fmt: skip
    return sorted(rows, key=lambda row: (row[2], row[4], row[0], row[3]))


def test_an_instalment_is_overdue_until_the_principal_up_to_it_is_paid(shop: Shop, store: reporting.Store) -> None:
    due = sorted({one["due_date"] for one in shop["instalments"]})
    for on in (due[0], due[0] + timedelta(days=1), due[len(due) // 2], due[-1] + timedelta(days=1)):
        assert run(store, "overdue_instalments", on=on, limit=10_000) == _overdue(shop, on)
    assert run(store, "overdue_instalments", on=due[0]) == []
    assert _overdue(shop, due[-1])


def test_payments_and_refunds_stand_apart_by_month_and_method(shop: Shop, store: reporting.Store) -> None:
    zone = "Asia/Tokyo"
    groups: dict[Any, list[Any]] = defaultdict(lambda: [0, Decimal(0), 0, Decimal(0)])
    for one in shop["payments"]:
        group = groups[month_of(day_of(one["paid_at"], zone)), one["currency"], one["method"]]
        place = 0 if one["kind"] == "payment" else 2
        group[place] += 1
        group[place + 1] += one["amount"]
    wanted = sorted((*key, *group, group[1] - group[3]) for key, group in groups.items())
    assert run(store, "payments_by_method", timezone=zone) == wanted


def test_payments_can_be_limited_to_one_day(shop: Shop, store: reporting.Store) -> None:
    day = day_of(shop["payments"][0]["paid_at"])
    wanted = sum(1 for one in shop["payments"] if day_of(one["paid_at"]) == day)
    assert sum(row[3] + row[5] for row in run(store, "payments_by_method", from_=day, to=day)) == wanted


def test_orders_are_counted_by_status_in_the_order_of_their_life(shop: Shop, store: reporting.Store) -> None:
    first, life = date(2024, 2, 29), ["open", "paid", "shipped", "cancelled"]
    groups: dict[Any, list[Any]] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    for order in shop["orders"]:
        if day_of(order["placed_at"]) >= first:
            group = groups[order["currency"], life.index(order["status"])]
            group[:] = [group[0] + 1, group[1] + order["total"], group[2] + order["paid"]]
    wanted = [(currency, life[place], *group) for (currency, place), group in sorted(groups.items())]
    assert run(store, "order_status", from_=first) == wanted
