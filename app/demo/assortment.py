"""What the generated shop sells, and to whom: fixed by the seed, with everything that changes over the two years."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from uuid import UUID

from app.domain import ids
from app.domain.money import Money

SEED = "neaptide demo 1"
CURRENCY = "EUR"
START = datetime(2024, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
CUSTOMERS = 700

_THINGS = (
    "mug", "teapot", "bowl", "plate", "lantern", "candle", "vase", "frame", "cushion", "blanket",
    "towel", "apron", "basket", "clock", "mirror", "notebook", "pen tray", "jug", "tray", "planter",
)  # fmt: skip
_LOOKS = ("blue", "striped", "linen", "oak", "copper", "small")
_FIRST = ("Ana", "Ben", "Chiara", "David", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jan", "Karin", "Luca", "Marta")
_LAST = ("Almeida", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jansen", "Keller")
# Country, a city, and its share of the customers.
_PLACES = (
    ("Germany", "Bremen", 30), ("France", "Lille", 18), ("Portugal", "Porto", 14), ("Netherlands", "Utrecht", 12),
    ("Spain", "Bilbao", 10), ("Italy", "Torino", 8), ("Austria", "Graz", 5), ("Denmark", "Aarhus", 3),
)  # fmt: skip


@dataclass(frozen=True)
class Product:
    """A product of the plan. `changed_at` is when `new_price` takes the place of `price`, or when it is renamed.

    `after` is the place in the stream of orders from which on the shop knows of the change.
    """

    id: UUID
    sku: str
    name: str
    price: Money
    weight: float
    change: str | None = None
    changed_at: datetime = END
    after: int = 0
    new_price: Money | None = None

    def price_at(self, moment: datetime) -> Money:
        """What it cost then."""
        return self.new_price if self.new_price is not None and moment >= self.changed_at else self.price

    def listed(self, position: int) -> Money:
        """What the shop's own price is when the order at this place of the stream is placed."""
        return self.new_price if self.new_price is not None and position >= self.after else self.price

    def on_sale(self, position: int, moment: datetime) -> bool:
        """A discontinued product is in no order that is placed after its end, or that comes after the news of it."""
        return self.change != "discontinue" or (position < self.after and moment < self.changed_at)


@dataclass(frozen=True)
class Customer:
    """A customer of the plan, who comes for the first time at `since`."""

    id: UUID
    reference: str
    name: str
    city: str
    country: str
    since: datetime


def dice(*what: object) -> random.Random:
    """Chance that is the same each time, for each thing on its own."""
    return random.Random("/".join(map(str, (SEED, *what))))  # noqa: S311


def made_id(moment: datetime, *what: object) -> UUID:
    """The identifier of a generated thing."""
    entropy = sha256("/".join(map(str, (SEED, *what))).encode()).digest()
    return ids.id_at(moment, entropy[: ids.ENTROPY_BYTES])


@cache
def products() -> tuple[Product, ...]:
    """All products, best-sellers first."""
    names = [f"{look} {thing}".capitalize() for thing in _THINGS for look in _LOOKS]
    dice("names").shuffle(names)
    return tuple(_product(rank, name) for rank, name in enumerate(names, start=1))


@cache
def customers() -> tuple[Customer, ...]:
    """All customers, in the order in which they come."""
    span = (END - START).total_seconds()
    chance = dice("customers")
    offsets = sorted(chance.random() ** 1.1 * span for _ in range(CUSTOMERS))
    return tuple(_customer(number, START + timedelta(seconds=at)) for number, at in enumerate(offsets, start=1))


def customer_for(moment: datetime, chance: random.Random) -> Customer:
    """Somebody who orders then: often one of the latest to come, sometimes one who has been there for long."""
    known = max(1, bisect_right(customers(), moment, key=lambda one: one.since))
    if chance.random() < 0.25:
        return customers()[int(min(known, 120) * chance.random() ** 2)]
    return customers()[known - 1 - int(known * chance.random() ** 2.2)]


def _product(rank: int, name: str) -> Product:
    chance = dice("product", rank)
    cents = round(400 * 12 ** chance.random())
    price = Money(Decimal(cents - cents % 50 + (45 if chance.random() < 0.5 else 0)) / 100, CURRENCY)
    change = chance.choices(("price", "rename", "discontinue", None), (25, 8, 6, 61))[0]
    return Product(
        id=made_id(START, "product", rank),
        sku=f"D-{rank:03}",
        name=name,
        price=price,
        weight=1 / (rank + 6),
        change=change,
        changed_at=START + (END - START) * chance.uniform(0.3, 0.9),
        after=40 + rank * 9,
        new_price=price * Decimal(str(chance.choice((0.9, 1.05, 1.1, 1.2)))) if change == "price" else None,
    )


def _customer(number: int, since: datetime) -> Customer:
    chance = dice("customer", number)
    country, city, _ = chance.choices(_PLACES, [share for *_, share in _PLACES])[0]
    name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
    return Customer(made_id(since, "customer", number), f"C-{number:04}", name, city, country, since)
