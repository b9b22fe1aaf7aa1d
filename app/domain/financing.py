"""Financing: a principal paid back in monthly instalments, by the system PRICE or SAC.

PRICE (French amortisation): equal payments P·i / (1 - (1+i)^-n), P/n at rate zero. SAC (constant amortisation):
equal principal parts P/n, falling interest. Interest is the balance times the monthly rate; each figure is rounded
half up to the minor unit, and the last instalment takes the cents that rounding left, so the principal parts add up
to the principal exactly.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, Self
from uuid import UUID

from app.domain import errors, events, ids
from app.domain.events import Event
from app.domain.money import CONTEXT, Money

PRICE = "PRICE"
SAC = "SAC"
MAX_INSTALMENTS = 1200
_RATE_UNIT = Decimal("0.000001")  # numeric(9,6)


class Instalment(NamedTuple):
    """One due date: `payment` = `principal` + `interest`; `balance` is what is owed after it."""

    number: int
    due_date: date
    payment: Money
    principal: Money
    interest: Money
    balance: Money


@dataclass(slots=True)
class Financing:
    """A simulated financing and its schedule."""

    id: UUID
    order_id: UUID | None
    principal: Money
    monthly_rate: Decimal
    system: str
    first_due_date: date
    simulated_at: datetime
    schedule: tuple[Instalment, ...]
    events: list[Event] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def simulate(
        cls,
        financing_id: UUID,
        *,
        principal: Money,
        monthly_rate: Decimal,
        instalments: int,
        system: str,
        first_due_date: date,
        at: datetime,
        order_id: UUID | None = None,
    ) -> Self:
        """Compute the schedule. `monthly_rate` is a fraction per month: 0.02 is 2 %.

        Raises `errors.InvalidPrincipal`, `InvalidRate`, `InvalidInstalments`, `UnknownSystem`, `InvalidDueDate`.
        """
        ids.require_id(financing_id, "a financing's id")
        ids.require_aware(at)
        _check(principal, monthly_rate, instalments, system, first_due_date)
        parts = _schedule(principal, monthly_rate, instalments, system, first_due_date)
        financing = cls(financing_id, order_id, principal, monthly_rate, system, first_due_date, at, tuple(parts))
        financing.events.append(
            events.FinancingSimulated(
                key=financing_id, at=at, order_id=order_id, principal=principal, instalments=instalments, system=system
            )
        )
        return financing


def due_date(first: date, months: int) -> date:
    """The day `months` later, or the last of a shorter month: 31 Jan, 28 Feb, 31 Mar."""
    years, month = divmod(first.month - 1 + months, 12)
    year = first.year + years
    if year > 9999:
        raise errors.InvalidDueDate
    return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))


def _check(principal: Money, rate: Decimal, instalments: int, system: str, first: date) -> None:
    if not isinstance(principal, Money) or not principal.is_positive:
        raise errors.InvalidPrincipal
    if not isinstance(rate, Decimal) or not rate.is_finite() or not 0 <= rate <= 1:
        raise errors.InvalidRate
    if rate != rate.quantize(_RATE_UNIT, context=CONTEXT):
        raise errors.InvalidRate
    if isinstance(instalments, bool) or not isinstance(instalments, int) or not 1 <= instalments <= MAX_INSTALMENTS:
        raise errors.InvalidInstalments
    if system not in (PRICE, SAC):
        raise errors.UnknownSystem(f"{system!r} is not a financing system: it is PRICE or SAC")
    if not isinstance(first, date) or isinstance(first, datetime):
        raise errors.InvalidDueDate(f"{first!r} is not a day")


def _schedule(principal: Money, rate: Decimal, count: int, system: str, first: date) -> Iterator[Instalment]:
    level = Money(_level(principal.amount, rate, count, system), principal.currency)
    balance = principal
    for number in range(1, count + 1):
        interest = balance * rate
        # Rounding up each part of a tiny principal would pay it back too early: never more than is left.
        part = balance if number == count else min(level - interest if system == PRICE else level, balance)
        balance = balance - part
        yield Instalment(number, due_date(first, number - 1), part + interest, part, interest, balance)


def _level(principal: Decimal, rate: Decimal, count: int, system: str) -> Decimal:
    """What stays the same every month: the payment for PRICE, the principal part for SAC."""
    if system == SAC or not rate:
        return CONTEXT.divide(principal, Decimal(count))
    growth = CONTEXT.power(CONTEXT.add(1, rate), count)
    return CONTEXT.divide(CONTEXT.multiply(CONTEXT.multiply(principal, rate), growth), CONTEXT.subtract(growth, 1))
