"""The sales reports against the same sums done in Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.reporting import store as reporting
from tests.support import reportchecks, shopdata
from tests.support.reportchecks import cents, day_of, month_of, run
from tests.support.shopdata import Shop

ZERO = Decimal(0)

shop, store = reportchecks.drawn(1, 2)


def _following(day: date, unit: str) -> date:
    return day + timedelta(days=1) if unit == "day" else reportchecks.next_month(day)


def _expected_sales(shop: Shop, unit: str, width: int, zone: str = "UTC") -> list[tuple[Any, ...]]:
    orders: dict[Any, set[Any]] = defaultdict(set)
    gross: dict[Any, Decimal] = defaultdict(Decimal)
    returned: dict[Any, Decimal] = defaultdict(Decimal)

    def start(at: Any) -> date:
        return day_of(at, zone) if unit == "day" else month_of(day_of(at, zone))

    for order, item in shop.sales():
        orders[start(order["placed_at"]), order["currency"]].add(order["id"])
        gross[start(order["placed_at"]), order["currency"]] += item["line_total"]
    for order, _, one in shop.returns():
        returned[start(one["returned_at"]), order["currency"]] += one["amount"]
    rows = []
    for currency in ("EUR", "USD"):
        known = sorted(day for day, other in {*gross, *returned} if other == currency)
        nets: list[Decimal] = []
        day = known[0]
        while day <= known[-1]:
            key = (day, currency)
            nets.append(gross[key] - returned[key])
            window = nets[-width:]
            average = cents(sum(window, ZERO) / len(window))
            rows.append((day, currency, len(orders[key]), gross[key], returned[key], nets[-1], average))
            day = _following(day, unit)
    return sorted(rows)


@pytest.mark.parametrize("zone", ["UTC", "America/Sao_Paulo", "Asia/Tokyo"])
def test_months_are_summed_per_currency_with_a_row_for_an_empty_month(
    shop: Shop, store: reporting.Store, zone: str
) -> None:
    found = run(store, "sales_monthly", months=3, timezone=zone)
    assert found == _expected_sales(shop, "month", 3, zone)
    assert any(row[0] == date(*shopdata.EMPTY_MONTH, 1) and row[2] == 0 for row in found)


def test_days_are_summed_per_currency_over_the_leap_day(shop: Shop, store: reporting.Store) -> None:
    found = run(store, "sales_daily", days=7)
    assert found == _expected_sales(shop, "day", 7)
    assert date(2024, 2, 29) in {row[0] for row in found}


def test_the_moving_average_looks_back_before_the_first_day_shown(shop: Shop, store: reporting.Store) -> None:
    found = run(store, "sales_daily", days=5, from_="2024-02-28", to="2024-03-01")
    wanted = [row for row in _expected_sales(shop, "day", 5) if date(2024, 2, 28) <= row[0] <= date(2024, 3, 1)]
    assert found == wanted
    assert len(found) == 6


def test_a_day_in_the_middle_of_a_month_asks_for_the_whole_month(shop: Shop, store: reporting.Store) -> None:
    found = run(store, "sales_monthly", from_="2024-02-15", to="2024-03-01")
    assert found == [r for r in _expected_sales(shop, "month", 3) if r[0] in (date(2024, 2, 1), date(2024, 3, 1))]


def test_a_moving_average_of_width_one_is_the_month_itself(store: reporting.Store) -> None:
    assert all(row[5] == row[6] for row in run(store, "sales_monthly", months=1))


def _in(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or day >= first) and (last is None or day <= last)


PERIODS = [(None, None), (date(2023, 12, 31), date(2024, 2, 29)), (date(2024, 3, 31), date(2024, 3, 31))]


def _period(first: date | None, last: date | None) -> dict[str, object]:
    return {key: value for key, value in (("from_", first), ("to", last)) if value}


@pytest.mark.parametrize(("first", "last"), PERIODS)
def test_top_products_rank_by_net_sales_with_ties_by_sku(
    shop: Shop, store: reporting.Store, first: date | None, last: date | None
) -> None:
    totals: dict[Any, list[Any]] = defaultdict(lambda: [0, ZERO, ZERO])
    for order, item in shop.sales():
        if _in(day_of(order["placed_at"]), first, last):
            total = totals[order["currency"], item["product_id"]]
            total[0] += item["quantity"]
            total[1] += item["line_total"]
    for order, item, one in shop.returns():
        if _in(day_of(one["returned_at"]), first, last):
            total = totals[order["currency"], item["product_id"]]
            total[0] -= one["quantity"]
            total[2] += one["amount"]
    products, wanted = shop.by_id("products"), []
    for currency in ("EUR", "USD"):
        rows = [(products[key[1]], total) for key, total in totals.items() if key[0] == currency]
        rows.sort(key=lambda row: (-(row[1][1] - row[1][2]), row[0]["sku"]))
        for place, (product, (quantity, gross, returned)) in enumerate(rows[:7], start=1):
            net = gross - returned
            wanted.append((place, currency, product["sku"], product["name"], quantity, gross, returned, net))
    assert run(store, "top_products", limit=7, **_period(first, last)) == wanted


@pytest.mark.parametrize(("first", "last"), PERIODS)
def test_countries_add_up_to_a_hundred_percent_of_each_currency(
    shop: Shop, store: reporting.Store, first: date | None, last: date | None
) -> None:
    customers = shop.by_id("customers")
    buyers: dict[Any, set[Any]] = defaultdict(set)
    orders: dict[Any, set[Any]] = defaultdict(set)
    gross: dict[Any, Decimal] = defaultdict(Decimal)
    returned: dict[Any, Decimal] = defaultdict(Decimal)
    for order, item in shop.sales():
        key = customers[order["customer_id"]]["country"], order["currency"]
        if _in(day_of(order["placed_at"]), first, last):
            buyers[key].add(order["customer_id"])
            orders[key].add(order["id"])
            gross[key] += item["line_total"]
    for order, _, one in shop.returns():
        if _in(day_of(one["returned_at"]), first, last):
            returned[customers[order["customer_id"]]["country"], order["currency"]] += one["amount"]
    wanted = []
    for key in {*gross, *returned}:
        country, currency = key
        whole = sum(gross[k] - returned[k] for k in {*gross, *returned} if k[1] == currency)
        net = gross[key] - returned[key]
        share = pytest.approx(float(100 * net / whole), abs=0.00501) if whole else None
        wanted.append((country, currency, len(buyers[key]), len(orders[key]), gross[key], returned[key], net, share))
    wanted.sort(key=lambda row: (row[1], -row[6], row[0]))
    assert run(store, "sales_by_country", **_period(first, last)) == wanted


def test_top_customers_rank_by_net_sales_with_ties_by_reference(shop: Shop, store: reporting.Store) -> None:
    net: dict[Any, Decimal] = defaultdict(Decimal)
    orders: dict[Any, set[Any]] = defaultdict(set)
    for order, item in shop.sales():
        net[order["currency"], order["customer_id"]] += item["line_total"]
        orders[order["currency"], order["customer_id"]].add(order["id"])
    for order, _, one in shop.returns():
        net[order["currency"], order["customer_id"]] -= one["amount"]
    customers, wanted = shop.by_id("customers"), []
    for currency in ("EUR", "USD"):
        rows = [(customers[key[1]], key) for key in net if key[0] == currency]
        rows.sort(key=lambda row: (-net[row[1]], row[0]["reference"]))
        wanted += [
            (place, currency, one["reference"], one["name"], one["country"], len(orders[key]), net[key])
            for place, (one, key) in enumerate(rows[:10], start=1)
        ]
    assert run(store, "top_customers") == wanted


def test_returns_are_set_against_the_sales_they_came_from(shop: Shop, store: reporting.Store) -> None:
    first, last = date(2023, 11, 1), date(2024, 2, 29)
    totals: dict[Any, list[Any]] = defaultdict(lambda: [0, 0, ZERO, ZERO])
    for order, item in shop.sales():
        if _in(day_of(order["placed_at"]), first, last):
            total = totals[order["currency"], item["product_id"]]
            total[0] += item["quantity"]
            total[1] += item["returned_quantity"]
            total[2] += item["line_total"]
            total[3] += item["returned_quantity"] * item["unit_price"]
    products, wanted = shop.by_id("products"), []
    least = sorted(total[0] for total in totals.values())[len(totals) // 2]
    for currency in ("EUR", "USD"):
        rows = [(products[key[1]]["sku"], *t) for key, t in totals.items() if key[0] == currency and t[0] >= least]
        rows.sort(key=lambda row: (-row[2] / row[1], -row[2], row[0]))
        for sku, sold, back, gross, amount in rows:
            rates = (
                pytest.approx(100 * back / sold, abs=0.00501),
                pytest.approx(float(100 * amount / gross), abs=0.00501),
            )
            wanted.append((currency, sku, sold, back, rates[0], gross, amount, rates[1]))
    assert run(store, "returns_rate", from_=first, to=last, min_sold=least, limit=100) == wanted


def test_equal_rates_rank_by_how_much_came_back(tmp_path: Path) -> None:
    """Of A one in two came back, of B two in four: B stands first."""
    shop = shopdata.draw(1, orders=1)
    order = {**shop["orders"][0], "status": "shipped"}
    shop.tables.update(orders=[order], order_items=[], order_returns=[])
    for line, (product, sold) in enumerate(zip(shop["products"], (2, 4), strict=False), start=1):
        item = {"order_id": order["id"], "line_no": line, "product_id": product["id"], "quantity": sold}
        shop["order_items"].append({**item, "unit_price": 1, "line_total": sold, "returned_quantity": sold // 2})
        back = {"order_id": order["id"], "line_no": line, "quantity": sold // 2, "amount": sold // 2}
        shop["order_returns"].append({**back, "returned_at": order["placed_at"]})
    names = [product["sku"] for product in shop["products"][:2]]
    with reportchecks.opened(tmp_path, shop) as store:
        assert [row[1] for row in run(store, "returns_rate")] == sorted(names, reverse=True)
        assert [row[1] for row in run(store, "returns_rate", limit=1)] == names[1:]
