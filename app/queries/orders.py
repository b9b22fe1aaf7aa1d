"""Orders as the reporting file knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app import statements
from app.queries import pages, payments
from app.reporting.store import Store


@dataclass(frozen=True)
class Item:
    """One line; `unit_price` is the price when it was ordered, `sku` and `name` are the product's of today."""

    line_no: int
    product_id: UUID
    sku: str | None
    name: str | None
    quantity: int
    unit_price: Decimal
    line_total: Decimal
    returned_quantity: int


@dataclass(frozen=True)
class Return:
    """Pieces of a line that came back, worth `amount` in the order's currency."""

    id: UUID
    line_no: int
    quantity: int
    amount: Decimal
    returned_at: datetime
    reference: str | None


@dataclass(frozen=True)
class Order:
    """One order without its parts; amounts in `currency`, `paid` is payments less refunds.

    `reference` and `customer` are the customer's reference and name of today.
    """

    id: UUID
    number: str
    customer_id: UUID
    reference: str | None
    customer: str | None
    status: str
    currency: str
    total: Decimal
    paid: Decimal
    placed_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    cancelled_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    as_of: datetime


@dataclass(frozen=True)
class OrderDetails:
    """One order with its lines, payments and returns, all of one moment."""

    order: Order
    items: tuple[Item, ...]
    payments: tuple[payments.Payment, ...]
    returns: tuple[Return, ...]
    as_of: datetime


def find_by_id(store: Store, order_id: UUID) -> OrderDetails | None:
    """One order with everything that belongs to it, or None."""
    orders = store.query(_of_one_table(store, "find_by_id", "named_by_id", "named_orders"), {"id": order_id})
    if not orders.rows:
        return None
    items = store.query(_of_one_table(store, "items_of", "named_items_of", "order_lines"), {"id": order_id})
    returns = store.query(statements.get("queries/orders", "returns_of"), {"id": order_id})
    return OrderDetails(
        order=Order(**orders.records()[0], as_of=orders.as_of),
        items=tuple(Item(**row) for row in items.records()),
        payments=payments.of_order(store, order_id),
        returns=tuple(Return(**row) for row in returns.records()),
        as_of=orders.as_of,
    )


def find_all(
    store: Store, *, customer_id: UUID | None = None, status: str | None = None, page: int = 1, size: int = 20
) -> pages.Page[Order]:
    """One page of the orders, newest first; with `customer_id` that customer's, and an unknown one has none.

    Raises `errors.UsageError` for an impossible page.
    """
    filters: dict[str, object] = {"customer_id": customer_id, "status": status}
    find = _of_one_table(store, "find_all", "named_find_all", "named_orders")
    return pages.read(store, Order, find, statements.get("queries/orders", "count_all"), filters, page, size)


def _of_one_table(store: Store, joined: str, named: str, model: str) -> str:
    """The statement that reads the model with the names in it, where there is one; else the one that joins."""
    return statements.get("queries/orders", named if model in store.models else joined)
