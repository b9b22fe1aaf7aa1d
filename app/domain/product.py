"""Product: something the shop sells at a price."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from app.domain import errors, events, ids, money, texts
from app.domain.events import Event
from app.domain.money import Money

ACTIVE = "active"
DISCONTINUED = "discontinued"


@dataclass(slots=True)
class Product:
    """A product; `version` counts the writes of its row and is kept by the repository.

    `events` is what happened to it since it was read; `at` says when, where the caller knows.
    """

    id: UUID
    sku: str
    name: str
    unit_price: Money
    status: str = ACTIVE
    version: int = 1
    events: list[Event] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def create(cls, product_id: UUID, *, sku: str, name: str, unit_price: Money, at: datetime | None = None) -> Self:
        """A new, active product. Raises `errors.InvalidText`, `errors.InvalidPrice`."""
        ids.require_id(product_id, "a product's id")
        product = cls(
            id=product_id,
            sku=texts.required(sku, "a SKU", longest=texts.MAX_KEY),
            name=texts.required(name, "a product's name"),
            unit_price=money.price(unit_price),
        )
        product.events.append(
            events.ProductCreated(
                key=product_id, at=at, sku=product.sku, product_name=product.name, unit_price=product.unit_price
            )
        )
        return product

    @property
    def is_active(self) -> bool:
        return self.status == ACTIVE

    def rename(self, name: str, *, at: datetime | None = None) -> None:
        """Give it another name; also a discontinued product may be renamed, its old orders show it."""
        self.name = texts.required(name, "a product's name")
        self.events.append(events.ProductRenamed(key=self.id, at=at, product_name=self.name))

    def change_price(self, unit_price: Money, *, at: datetime | None = None) -> None:
        """Set the price of orders to come; orders placed before keep theirs. The currency stays."""
        self.require_active()
        if money.price(unit_price).currency != self.unit_price.currency:
            raise errors.CurrencyMismatch(f"{self.sku} is priced in {self.unit_price.currency}")
        self.unit_price = unit_price
        self.events.append(events.ProductPriceChanged(key=self.id, at=at, unit_price=unit_price))

    def discontinue(self, *, at: datetime | None = None) -> None:
        """Take it out of sale, once."""
        self.require_active()
        self.status = DISCONTINUED
        self.events.append(events.ProductDiscontinued(key=self.id, at=at))

    def require_active(self) -> None:
        """Raise `errors.ProductDiscontinued` unless it is on sale."""
        if self.status != ACTIVE:
            raise errors.ProductDiscontinued(f"{self.sku} is discontinued", product_id=self.id)
