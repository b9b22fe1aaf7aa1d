"""Products as the reporting file knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app import statements
from app.queries import pages
from app.reporting.store import Store

SORT_KEYS = {"sku": "sku", "name": "lower(name)", "price": "unit_price", "status": "status", "created": "created_at"}


@dataclass(frozen=True)
class Product:
    """One product; `unit_price` in `currency`."""

    id: UUID
    sku: str
    name: str
    unit_price: Decimal
    currency: str
    status: str
    version: int
    created_at: datetime
    updated_at: datetime
    as_of: datetime


def find_by_id(store: Store, product_id: UUID) -> Product | None:
    """One product, or None."""
    answer = store.query(statements.get("queries/products", "find_by_id"), {"id": product_id})
    return Product(**answer.records()[0], as_of=answer.as_of) if answer.rows else None


def find_all(
    store: Store,
    *,
    status: str | None = None,
    currency: str | None = None,
    text: str | None = None,
    sort: str = "sku",
    page: int = 1,
    size: int = 20,
) -> pages.Page[Product]:
    """One page of products; `text` is looked for in sku and name, whatever its case.

    Raises `errors.UsageError` for an unknown sort key (`SORT_KEYS`, `-key` for descending) or an impossible page.
    """
    filters: dict[str, object] = {"status": status, "currency": currency, "text": text}
    order = pages.order_by(sort, SORT_KEYS, tie="id")
    find = statements.get("queries/products", "find_all").format(order_by=order)
    count = statements.get("queries/products", "count_all")
    return pages.read(store, Product, find, count, filters, page, size)
