"""Customers as the reporting file knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app import statements
from app.queries import pages
from app.reporting.store import Store

SORT_KEYS = {"reference": "reference", "name": "lower(name)", "country": "country", "created": "created_at"}


@dataclass(frozen=True)
class Customer:
    """One customer with the address of today."""

    id: UUID
    reference: str
    name: str
    street: str | None
    city: str | None
    postal_code: str | None
    country: str
    version: int
    created_at: datetime
    updated_at: datetime
    as_of: datetime


def find_by_id(store: Store, customer_id: UUID) -> Customer | None:
    """One customer, or None."""
    answer = store.query(statements.get("queries/customers", "find_by_id"), {"id": customer_id})
    return Customer(**answer.records()[0], as_of=answer.as_of) if answer.rows else None


def find_all(
    store: Store,
    *,
    country: str | None = None,
    text: str | None = None,
    sort: str = "reference",
    page: int = 1,
    size: int = 20,
) -> pages.Page[Customer]:
    """One page of customers; `text` is looked for in reference and name, whatever its case.

    Raises `errors.UsageError` for an unknown sort key (`SORT_KEYS`, `-key` for descending) or an impossible page.
    """
    filters: dict[str, object] = {"country": country, "text": text}
    order = pages.order_by(sort, SORT_KEYS, tie="id")
    find = statements.get("queries/customers", "find_all").format(order_by=order)
    count = statements.get("queries/customers", "count_all")
    return pages.read(store, Customer, find, count, filters, page, size)
