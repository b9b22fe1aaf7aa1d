"""Money: an exact decimal amount of one currency.

Every amount is rounded half up (away from zero on a tie) to the currency's minor unit: cents for most, whole units
for those ISO 4217 lists with none, like JPY. Currencies with more than two decimals are refused, because the tables
keep two. Floats are refused, because they are not the number that was typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import cache
from typing import Self

from app.domain import errors

# An own context, so that a caller's decimal settings change nothing. 60 digits: interest is computed in it, too.
CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)
LARGEST = Decimal("999999999999.99")  # numeric(14,2)
LARGEST_PRICE = Decimal("9999999999.99")  # numeric(12,2)

# ISO 4217, table A.1, column "minor unit".
_NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_FINER_THAN_CENTS = "BHD CLF IQD JOD KWD LYD OMR TND UYW"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, rounded half up to the minor unit of its currency.

    Raises `errors.InvalidAmount` (float, NaN, not a number), `errors.InvalidCurrency`, `errors.AmountTooLarge`.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _rounded(_decimal(self.amount), self.currency))

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Self:
        """Money from anything that is exact: a Decimal, an int, or digits in a string."""
        return cls(_decimal(amount), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(Decimal(0), currency)

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return _exact(CONTEXT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return _exact(CONTEXT.subtract(self.amount, other.amount), self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        """Times a whole number, which is exact, or a Decimal, which is rounded."""
        if isinstance(factor, int) and not isinstance(factor, bool):
            return _exact(CONTEXT.multiply(self.amount, factor), self.currency)
        if isinstance(factor, Decimal):
            return Money(CONTEXT.multiply(self.amount, factor), self.currency)
        raise errors.InvalidAmount(f"money is multiplied by an int or a Decimal, not by {factor!r}")

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return _exact(CONTEXT.minus(self.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.amount <= other.amount

    def __gt__(self, other: Money) -> bool:
        return other < self

    def __ge__(self, other: Money) -> bool:
        return other <= self

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __str__(self) -> str:
        return f"{self.amount:,} {self.currency}"

    @property
    def is_positive(self) -> bool:
        return self.amount > 0

    def _same_currency(self, other: Money) -> None:
        if not isinstance(other, Money):
            raise errors.InvalidAmount(f"{other!r} is not money")
        if self.currency != other.currency:
            raise errors.CurrencyMismatch(f"{self.currency} and {other.currency} don't mix")


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum, zero of `currency` for none. Raises `errors.CurrencyMismatch`."""
    result = Money.zero(currency)
    for amount in amounts:
        result = result + amount
    return result


def price(value: Money) -> Money:
    """`value`, if it can be a unit price. Raises `errors.InvalidPrice`, `errors.AmountTooLarge`."""
    if not isinstance(value, Money):
        raise errors.InvalidPrice(f"{value!r} is not money")
    if not value.is_positive:
        raise errors.InvalidPrice(f"a price is above zero, not {value}")
    if value.amount > LARGEST_PRICE:
        raise errors.AmountTooLarge(f"a price is at most {LARGEST_PRICE:,}")
    return value


@cache
def quantum(currency: str) -> Decimal:
    """The currency's minor unit: 0.01, or 1. Raises `errors.InvalidCurrency`."""
    known = isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isalpha()
    if not known or currency != currency.upper():
        raise errors.InvalidCurrency(f"{currency!r} is not a currency: write three upper-case letters, like EUR")
    if currency in _FINER_THAN_CENTS:
        raise errors.InvalidCurrency(f"{currency} has more than two decimals, which the shop can't keep")
    return Decimal(1) if currency in _NO_MINOR_UNIT else Decimal("0.01")


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            return Decimal(value)
        except InvalidOperation:
            raise errors.InvalidAmount(f"{value!r} is not an amount") from None
    raise errors.InvalidAmount(f"{value!r} is not an amount: give a Decimal, an int or a string, never a float")


def _rounded(amount: Decimal, currency: str) -> Decimal:
    unit = quantum(currency)
    if not amount.is_finite():
        raise errors.InvalidAmount(f"{amount} is not an amount")
    # Bounded before, so that a huge exponent is never written out, and after, because rounding can add a cent.
    return CONTEXT.plus(_bounded(_bounded(amount).quantize(unit, context=CONTEXT)))  # plus turns -0.00 into 0.00


def _bounded(amount: Decimal) -> Decimal:
    if amount.copy_abs() > LARGEST:
        raise errors.AmountTooLarge(f"an amount is at most {LARGEST:,}")
    return amount


def _exact(amount: Decimal, currency: str) -> Money:
    """Money from an amount that is in minor units already: sums and whole multiples need no rounding."""
    money = object.__new__(Money)
    object.__setattr__(money, "amount", _bounded(amount))
    object.__setattr__(money, "currency", currency)
    return money
