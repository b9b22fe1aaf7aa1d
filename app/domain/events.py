"""Domain events: what happened to an aggregate, told by the aggregate itself.

An event's name is that of its class, its payload the fields of its own. `version` is the one that the aggregate's row
has after the write, so that the events of one aggregate have an order; whoever writes it fills that in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from app.domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the aggregate `key`; where nobody said when (`at`), it was when it is written."""

    aggregate: ClassVar[str] = ""
    key: UUID
    at: datetime | None = None
    version: int = 0

    @property
    def name(self) -> str:
        """The event's type, like `ProductCreated`."""
        return type(self).__name__

    def payload(self) -> dict[str, Any]:
        """The event's own fields, of JSON's types; amounts and ids are texts, so that nothing is rounded."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self) if field.name not in _COMMON}


_COMMON = frozenset(("key", "at", "version"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCreated(Event):
    """A product is on sale."""

    aggregate = "product"
    sku: str
    product_name: str
    unit_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRenamed(Event):
    """A product has another name."""

    aggregate = "product"
    product_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPriceChanged(Event):
    """A product has another price from now on."""

    aggregate = "product"
    unit_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDiscontinued(Event):
    """A product is no longer on sale."""

    aggregate = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(Event):
    """There is a new customer; events go further than tables do, so they name nobody's street."""

    aggregate = "customer"
    reference: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAddressChanged(Event):
    """A customer lives elsewhere."""

    aggregate = "customer"
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """An order came in; `items` are its lines: number, product, quantity and unit price."""

    aggregate = "order"
    number: str
    customer_id: UUID
    total: Money
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItemAdded(Event):
    """An order has another line."""

    aggregate = "order"
    line_no: int
    product_id: UUID
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItemRemoved(Event):
    """A line was taken out of an order."""

    aggregate = "order"
    line_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReceived(Event):
    """Money came in for an order; `owed` is what is left to pay."""

    aggregate = "order"
    payment_id: UUID
    amount: Money
    method: str
    owed: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(Event):
    """Nothing is owed for an order any more."""

    aggregate = "order"
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped(Event):
    """An order was sent off."""

    aggregate = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """An order was called off, and `refunded` went back."""

    aggregate = "order"
    refunded: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItemsReturned(Event):
    """Pieces of a line came back."""

    aggregate = "order"
    return_id: UUID
    line_no: int
    quantity: int
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingSimulated(Event):
    """A schedule was computed."""

    aggregate = "financing"
    order_id: UUID | None
    principal: Money
    instalments: int
    system: str


def plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
