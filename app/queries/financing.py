"""Financings and their instalments as the reporting file knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app import statements
from app.reporting.store import Store


@dataclass(frozen=True)
class Financing:
    """One simulated financing; `monthly_rate` is a fraction (0.02 is 2 % a month), `system` PRICE or SAC."""

    id: UUID
    order_id: UUID | None
    principal: Decimal
    currency: str
    monthly_rate: Decimal
    instalments: int
    system: str
    first_due_date: date
    simulated_at: datetime
    as_of: datetime


@dataclass(frozen=True)
class Instalment:
    """One instalment: `payment` is `principal` plus `interest`, `balance` what is left after it."""

    number: int
    due_date: date
    payment: Decimal
    principal: Decimal
    interest: Decimal
    balance: Decimal
    as_of: datetime


def find_by_id(store: Store, financing_id: UUID) -> Financing | None:
    """One financing, or None."""
    answer = store.query(statements.get("queries/financing", "find_by_id"), {"id": financing_id})
    return Financing(**answer.records()[0], as_of=answer.as_of) if answer.rows else None


def instalments(store: Store, financing_id: UUID) -> tuple[Instalment, ...]:
    """The instalments of a financing, first to last; empty for one that does not exist."""
    answer = store.query(statements.get("queries/financing", "instalments_of"), {"id": financing_id})
    return tuple(Instalment(**row, as_of=answer.as_of) for row in answer.records())
