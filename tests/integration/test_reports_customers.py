"""Cohorts, RFM, baskets and new customers against the same counts done in Python."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app.reporting import opening
from app.reporting import store as reporting
from tests.support import reportchecks, shopfile
from tests.support.reportchecks import day_of, month_of, run
from tests.support.shopdata import Shop

ON = date(2024, 5, 31)

shop, store = reportchecks.drawn(3, 4)


def _months_of_customers(shop: Shop, zone: str) -> dict[uuid.UUID, set[date]]:
    months: dict[uuid.UUID, set[date]] = defaultdict(set)
    for order in shop["orders"]:
        if order["status"] != "cancelled":
            months[order["customer_id"]].add(month_of(day_of(order["placed_at"], zone)))
    return months


@pytest.mark.parametrize(("limit", "zone"), [(12, "UTC"), (2, "UTC"), (0, "UTC"), (12, "Pacific/Auckland")])
def test_cohorts_count_who_came_back_each_month(shop: Shop, store: reporting.Store, limit: int, zone: str) -> None:
    months = _months_of_customers(shop, zone)
    last = max(max(own) for own in months.values())
    wanted = []
    for cohort in sorted({min(own) for own in months.values()}):
        members = [own for own in months.values() if min(own) == cohort]
        for later in range(min(limit, reportchecks.months_between(cohort, last)) + 1):
            active = sum(any(reportchecks.months_between(cohort, month) == later for month in own) for own in members)
            share = pytest.approx(100 * active / len(members), abs=0.00501)
            wanted.append((cohort, len(members), later, active, share))
    assert run(store, "cohorts", months=limit, timezone=zone) == wanted


def test_cohorts_can_be_limited_to_some_first_months(store: reporting.Store) -> None:
    found = run(store, "cohorts", from_="2023-11-30", to="2023-12-01")
    assert {row[0] for row in found} == {date(2023, 11, 1), date(2023, 12, 1)}


def _scored(shop: Shop) -> dict[tuple[str, uuid.UUID], dict[str, Any]]:
    """Scores by counting, for each customer, how many are strictly worse."""
    found: dict[tuple[str, uuid.UUID], dict[str, Any]] = {}
    for order, item in shop.sales():
        day = day_of(order["placed_at"])
        if day <= ON:
            one = found.setdefault(
                (order["currency"], order["customer_id"]), {"days": [], "orders": set(), "net": Decimal(0)}
            )
            one["days"].append(day)
            one["orders"].add(order["id"])
            one["net"] += item["line_total"]
    for order, _, back in shop.returns():
        if day_of(back["returned_at"]) <= ON:
            found[order["currency"], order["customer_id"]]["net"] -= back["amount"]
    for one in found.values():
        one["ago"], one["count"] = (ON - max(one["days"])).days, len(one["orders"])
    for (currency, _), one in found.items():
        peers = [other for (unit, _), other in found.items() if unit == currency]
        worse = {
            "r": sum(other["ago"] > one["ago"] for other in peers),
            "f": sum(other["count"] < one["count"] for other in peers),
            "m": sum(other["net"] < one["net"] for other in peers),
        }
        one.update({name: 1 + 5 * number // len(peers) for name, number in worse.items()})
        one["segment"] = _segment(one["r"], one["f"])
    return found


def _segment(r: int, f: int) -> str:
    if r >= 4:
        return "champions" if f >= 4 else "loyal" if f == 3 else "new" if f == 1 else "promising"
    if r == 3:
        return "loyal" if f >= 3 else "promising"
    if f >= 2:
        return "cannot lose" if f >= 4 else "at risk"
    return "fading" if r == 2 else "lost"


def test_rfm_scores_count_the_customers_that_are_worse(shop: Shop, store: reporting.Store) -> None:
    customers = shop.by_id("customers")
    rows = [
        (
            currency,
            customers[key]["reference"],
            one["ago"],
            one["count"],
            one["net"],
            one["r"],
            one["f"],
            one["m"],
            one["segment"],
        )
        for (currency, key), one in _scored(shop).items()
    ]
    rows.sort(key=lambda row: (row[0], -(row[5] + row[6] + row[7]), -row[4], row[1]))
    assert run(store, "rfm_customers", on=ON, limit=1000) == rows
    loyal = [row for row in rows if row[8] == "loyal"]
    assert run(store, "rfm_customers", on=ON, limit=1000, segment="loyal") == loyal
    assert loyal


def test_rfm_segments_hold_every_customer_once(shop: Shop, store: reporting.Store) -> None:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for (currency, _), one in _scored(shop).items():
        groups[currency, one["segment"]].append(one)
    whole = Counter[str]()
    for (currency, _), members in groups.items():
        whole[currency] += sum(one["net"] for one in members)
    wanted = []
    for (currency, segment), members in groups.items():
        net = sum(one["net"] for one in members)
        ago = pytest.approx(sum(one["ago"] for one in members) / len(members), abs=0.0501)
        share = pytest.approx(float(100 * net / whole[currency]), abs=0.00501)
        wanted.append((currency, segment, len(members), ago, sum(one["count"] for one in members), net, share))
    wanted.sort(key=lambda row: (row[0], -row[5], row[1]))
    assert run(store, "rfm", on=ON) == wanted


def test_a_first_order_is_counted_once_in_a_customers_life(shop: Shop, store: reporting.Store) -> None:
    ordered = sorted(
        (one for one in shop["orders"] if one["status"] != "cancelled"),
        key=lambda one: (one["placed_at"], one["number"]),
    )
    first: dict[uuid.UUID, uuid.UUID] = {}
    for order in ordered:
        first.setdefault(order["customer_id"], order["id"])
    groups: dict[Any, list[Any]] = defaultdict(lambda: [0, Decimal(0), 0, Decimal(0)])
    for order in ordered:
        group = groups[month_of(day_of(order["placed_at"])), order["currency"]]
        place = 0 if first[order["customer_id"]] == order["id"] else 2
        group[place] += 1
        group[place + 1] += order["total"]
    assert run(store, "new_and_returning") == sorted((*key, *group) for key, group in groups.items())


def _pairs(shop: Shop, least: int) -> list[tuple[Any, ...]]:
    skus = {key: one["sku"] for key, one in shop.by_id("products").items()}
    baskets: dict[Any, set[str]] = defaultdict(set)
    for order, item in shop.sales():
        baskets[order["id"]].add(skus[item["product_id"]])
    alone = Counter(itertools.chain.from_iterable(baskets.values()))
    pairs = Counter(pair for basket in baskets.values() for pair in itertools.combinations(sorted(basket), 2))
    rows = [
        (a, b, count, pytest.approx(count / len(baskets), abs=1e-6), pytest.approx(count / alone[a], abs=1e-4),
         pytest.approx(count / alone[b], abs=1e-4),
         pytest.approx(count * len(baskets) / (alone[a] * alone[b]), abs=1e-4))
        for (a, b), count in pairs.items() if count >= least
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


@pytest.mark.parametrize("least", [1, 5, 10])
def test_pairs_are_counted_once_an_order(shop: Shop, store: reporting.Store, least: int) -> None:
    assert run(store, "basket_pairs", min_orders=least, limit=10_000) == _pairs(shop, least)
    assert run(store, "basket_pairs", min_orders=least, limit=3) == _pairs(shop, least)[:3]


_BIG = """
INSERT INTO shop.products (id, sku, name, unit_price, currency)
SELECT uuid(), 'P' || n, 'Product ' || n, 1, 'EUR' FROM range(3000) AS r (n);
INSERT INTO shop.orders (id, number, status, currency, placed_at)
SELECT uuid(), n::VARCHAR, 'open', 'EUR', TIMESTAMPTZ '2024-01-01 00:00:00+00' FROM range(20000) AS r (n);
-- The square draws the lines to the first products.
WITH lines AS MATERIALIZED (
    SELECT o.id, l.line, 'P' || floor(3000 * pow((hash(o.number, l.line) % 1000000) / 1e6, 2))::INTEGER AS sku
    FROM shop.orders AS o, range(21) AS l (line)
)
INSERT INTO shop.order_items (
    order_id, line_no, product_id, quantity, unit_price, line_total, returned_quantity
)
SELECT l.id, l.line, p.id, 1, 1, 1, 0
FROM lines AS l
JOIN shop.products AS p ON p.sku = l.sku
"""


def test_pairs_of_a_big_shop_take_a_few_seconds(tmp_path: Path) -> None:
    """20,000 orders of 21 lines from 3,000 products, some of them far more popular than others."""
    link = shopfile.build(tmp_path)
    with duckdb.connect(str(link.resolve())) as file:
        file.execute(_BIG)
    with opening.open(link) as store:
        # Of the processor, and many times what it takes: what else runs on the machine does not count.
        began = time.process_time()
        assert len(run(store, "basket_pairs")) == 20
        assert time.process_time() - began < 60
