"""Payment: money that came in for an order, or went back."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain import errors
from app.domain.money import Money

PAYMENT = "payment"
REFUND = "refund"


class Payment(NamedTuple):
    """One movement of money; never changed, only followed by another."""

    id: UUID
    kind: str
    amount: Money
    method: str
    paid_at: datetime


def require_payable(amount: Money, owed: Money) -> None:
    """Raise unless `amount` is above zero and not more than is owed."""
    if not isinstance(amount, Money) or not amount.is_positive:
        raise errors.InvalidPayment(f"a payment is above zero, not {amount}")
    if amount > owed:
        raise errors.Overpayment(f"{amount} is more than the {owed} owed", owed=owed)
