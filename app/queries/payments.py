"""Payments and refunds as the reporting file knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app import statements
from app.reporting.store import Store


@dataclass(frozen=True)
class Payment:
    """Money in (`kind` payment) or back out (`kind` refund); `amount` is positive either way."""

    id: UUID
    order_id: UUID
    kind: str
    amount: Decimal
    currency: str
    method: str
    paid_at: datetime
    as_of: datetime


def of_order(store: Store, order_id: UUID) -> tuple[Payment, ...]:
    """The payments and refunds of an order, oldest first; empty for an order that does not exist."""
    answer = store.query(statements.get("queries/payments", "of_order"), {"order_id": order_id})
    return tuple(Payment(**row, as_of=answer.as_of) for row in answer.records())
