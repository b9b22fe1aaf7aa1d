"""A small shop, drawn from a seed: orders cancelled, returned, part-paid and financed, in two currencies.

Times lie close to midnight and to the ends of months, over a leap day; one month has no orders at all.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
FIRST = datetime(2023, 10, 31, 22, 30, tzinfo=UTC)
EMPTY_MONTH = (2024, 1)
_DAYS = 200
_ZERO = Decimal("0.00")


@dataclass
class Shop:
    """Rows per table, as the reporting file holds them."""

    tables: dict[str, list[Row]] = field(
        default_factory=lambda: {
            name: []
            for name in (
                "products",
                "customers",
                "orders",
                "order_items",
                "order_returns",
                "payments",
                "financings",
                "instalments",
            )
        }
    )

    def __getitem__(self, name: str) -> list[Row]:
        return self.tables[name]

    def by_id(self, name: str) -> dict[uuid.UUID, Row]:
        return {row["id"]: row for row in self[name]}

    def sales(self) -> list[tuple[Row, Row]]:
        """(order, item) of every order that is not cancelled."""
        orders = self.by_id("orders")
        pairs = [(orders[item["order_id"]], item) for item in self["order_items"]]
        return [(order, item) for order, item in pairs if order["status"] != "cancelled"]

    def returns(self) -> list[tuple[Row, Row, Row]]:
        """(order, item, return) of every return."""
        lines = {(item["order_id"], item["line_no"]): (order, item) for order, item in self.sales()}
        return [(*lines[(one["order_id"], one["line_no"])], one) for one in self["order_returns"]]


def draw(seed: int, *, customers: int = 60, orders: int = 500) -> Shop:
    """The same shop for the same seed. A sixth of the customers never order."""
    dice, shop = random.Random(seed), Shop()
    for number in range(30):
        shop["products"].append(_product(dice, number))
    for number in range(customers):
        shop["customers"].append(_customer(dice, number))
    buyers = shop["customers"][: customers * 5 // 6]
    for number in range(orders):
        _order(dice, shop, number, dice.choice(buyers[: 1 + number % len(buyers)]))
    return shop


def _id(dice: random.Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128), version=4)


def _stamps(at: datetime) -> Row:
    return {"created_at": at, "updated_at": at}


def _product(dice: random.Random, number: int) -> Row:
    return {
        "id": _id(dice),
        "sku": f"SKU-{(number * 7) % 30:03d}",
        "name": f'Thing, "large" {chr(97 + number % 5)}{number}',
        "unit_price": Decimal(dice.choice([1, 999, 1000, 1250, 3333, 99999])) / 100,
        "currency": "USD" if number % 3 == 0 else "EUR",
        "status": "discontinued" if number % 10 == 9 else "active",
        "version": 1,
        **_stamps(FIRST - timedelta(days=100 - number)),
    }


def _customer(dice: random.Random, number: int) -> Row:
    return {
        "id": _id(dice),
        "reference": f"C{(number * 13) % 60:04d}",
        "name": f"Customer {number}",
        "country": dice.choice(["DE", "FR", "GB", "US"]),
        "version": 1,
        **_stamps(FIRST - timedelta(days=50)),
    }


def _moment(dice: random.Random) -> datetime:
    """A time of day near midnight, half of the time, and never in the empty month."""
    while True:
        day = FIRST.replace(hour=0, minute=0) + timedelta(days=dice.randrange(_DAYS))
        seconds = dice.choice([0, 1, 86399, 84600, 3600, dice.randrange(86400)])
        at = day + timedelta(seconds=seconds)
        if not any(
            (near.year, near.month) == EMPTY_MONTH for near in (at, at - timedelta(hours=12), at + timedelta(hours=12))
        ):
            return at


def _order(dice: random.Random, shop: Shop, number: int, customer: Row) -> None:
    at, status = _moment(dice), dice.choices(["open", "shipped", "cancelled", "paid"], [25, 55, 10, 10])[0]
    products = [one for one in shop["products"] if one["currency"] == dice.choice(["EUR", "EUR", "USD"])] or shop[
        "products"
    ]
    currency = products[0]["currency"]
    products = [one for one in products if one["currency"] == currency]
    order: Row = {
        "id": _id(dice),
        "number": f"O{number:05d}",
        "customer_id": customer["id"],
        "status": status,
        "currency": currency,
        "paid": _ZERO,
        "placed_at": at,
        "version": 1,
        **_stamps(at),
    }
    items = [_item(dice, order, line, dice.choice(products)) for line in range(1, dice.randint(2, 6))]
    order["total"] = sum((item["line_total"] for item in items), _ZERO)
    shop["orders"].append(order)
    shop["order_items"].extend(items)
    _pay(dice, shop, order)
    if status == "shipped":
        _return(dice, shop, order, items)
    if status == "open" and dice.random() < 0.5:
        for again in range(dice.choice([1, 1, 2])):
            _finance(dice, shop, order, again)


def _item(dice: random.Random, order: Row, line: int, product: Row) -> Row:
    quantity = dice.choice([1, 1, 2, 3, 12])
    return {
        "order_id": order["id"],
        "line_no": line,
        "product_id": product["id"],
        "quantity": quantity,
        "unit_price": product["unit_price"],
        "line_total": quantity * product["unit_price"],
        "returned_quantity": 0,
        **_stamps(order["placed_at"]),
    }


def _pay(dice: random.Random, shop: Shop, order: Row) -> None:
    full = order["status"] in ("paid", "shipped")
    part = (order["total"] * dice.choice([0, 1, 2, 3]) / 4).quantize(_ZERO)
    amount = order["total"] if full else min(part, order["total"] - Decimal("0.01"))
    if amount <= 0:
        return
    method, at = dice.choice(["card", "cash", "transfer"]), order["placed_at"] + timedelta(days=dice.randrange(40))
    _payment(dice, shop, order, "payment", amount, method, at)
    if order["status"] == "cancelled":
        _payment(dice, shop, order, "refund", amount, method, at + timedelta(days=3))
    else:
        order["paid"] = amount


def _payment(
    dice: random.Random, shop: Shop, order: Row, kind: str, amount: Decimal, method: str, at: datetime
) -> None:
    shop["payments"].append(
        {
            "id": _id(dice),
            "order_id": order["id"],
            "kind": kind,
            "amount": amount,
            "currency": order["currency"],
            "method": method,
            "paid_at": at,
            **_stamps(at),
        }
    )


def _return(dice: random.Random, shop: Shop, order: Row, items: list[Row]) -> None:
    for item in items:
        while item["returned_quantity"] < item["quantity"] and dice.random() < 0.15:
            quantity = dice.randint(1, item["quantity"] - item["returned_quantity"])
            item["returned_quantity"] += quantity
            at = order["placed_at"] + timedelta(days=dice.randrange(1, 70))
            shop["order_returns"].append(
                {
                    "id": _id(dice),
                    "order_id": order["id"],
                    "line_no": item["line_no"],
                    "quantity": quantity,
                    "amount": quantity * item["unit_price"],
                    "returned_at": at,
                    **_stamps(at),
                }
            )


def _finance(dice: random.Random, shop: Shop, order: Row, again: int) -> None:
    count = dice.choice([2, 3, 6])
    at, first = order["placed_at"] + timedelta(hours=again), order["placed_at"].date() + timedelta(days=30)
    financing: Row = {
        "id": _id(dice),
        "order_id": order["id"],
        "principal": order["total"],
        "currency": order["currency"],
        "monthly_rate": Decimal("0.015"),
        "instalments": count,
        "system": "SAC",
        "first_due_date": first,
        "simulated_at": at,
        **_stamps(at),
    }
    shop["financings"].append(financing)
    left, part = order["total"], (order["total"] / count).quantize(_ZERO)
    for number in range(1, count + 1):
        principal = left if number == count else part
        left -= principal
        interest = (principal / 10).quantize(_ZERO)
        shop["instalments"].append(
            {
                "financing_id": financing["id"],
                "number": number,
                "due_date": _later(first, 30 * (number - 1)),
                "payment": principal + interest,
                "principal": principal,
                "interest": interest,
                "balance": left,
                **_stamps(at),
            }
        )


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days)
