"""The broken rules of the shop, one class per rule.

The docstring of a class is its default message; `name` is the rule's stable name for counting and for `--json`;
data goes into attributes. They stand apart from `app.errors` because the domain imports nothing.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class DomainError(Exception):
    """A rule of the shop forbids this."""

    name: ClassVar[str] = "domain_error"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str | None = None, **data: Any) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.data = data

    @property
    def message(self) -> str:
        return str(self.args[0])


# Values.


class InvalidAmount(DomainError):
    """An amount is a finite decimal number, never a float."""


class AmountTooLarge(DomainError):
    """The amount is larger than the shop can keep."""


class InvalidCurrency(DomainError):
    """A currency is three upper-case letters with at most two decimals, like EUR."""


class CurrencyMismatch(DomainError):
    """Amounts of different currencies don't mix."""


class InvalidQuantity(DomainError):
    """A quantity is a whole number of at least 1."""


class InvalidText(DomainError):
    """A text is empty, too long or holds characters that can't be kept."""


class InvalidTime(DomainError):
    """A point in time needs its offset from UTC."""


class InvalidId(DomainError):
    """An identifier is a UUID."""


class MissingValue(DomainError):
    """A value that every row needs is missing."""


class InvalidVersion(DomainError):
    """A row's version counts its writes from 1."""


# Products and customers.


class InvalidPrice(DomainError):
    """A price is above zero."""


class ProductNotFound(DomainError):
    """There is no product with this id."""


class ProductExists(DomainError):
    """There is a product with this id already."""


class SkuTaken(DomainError):
    """Another product has this SKU."""


class InvalidProductState(DomainError):
    """A product is active or discontinued."""


class ProductDiscontinued(DomainError):
    """The product is discontinued."""


class CustomerNotFound(DomainError):
    """There is no customer with this id."""


class CustomerExists(DomainError):
    """There is a customer with this id already."""


class ReferenceTaken(DomainError):
    """Another customer has this reference."""


# Orders.


class OrderNotFound(DomainError):
    """There is no order with this id."""


class OrderExists(DomainError):
    """There is an order with this id already."""


class OrderNumberTaken(DomainError):
    """Another order has this number."""


class OrderWithoutItems(DomainError):
    """An order has at least one item."""


class OrderNotOpen(DomainError):
    """Only an open order can be changed or paid."""


class OrderNotPaid(DomainError):
    """An order is shipped when it is paid in full, and once."""


class OrderNotCancellable(DomainError):
    """Only an open or a paid order can be cancelled."""


class OrderNotShipped(DomainError):
    """Only items of a shipped order can be returned."""


class InvalidOrderState(DomainError):
    """An order's status, its times and what was paid for it contradict each other."""


class ItemExists(DomainError):
    """The order has an item with this line number already."""


class ItemNotFound(DomainError):
    """The order has no item with this line number."""


class InvalidLineNumber(DomainError):
    """A line number is a whole number of at least 1."""


class WrongLineTotal(DomainError):
    """A line's total is its quantity times its unit price."""


class TotalBelowPaid(DomainError):
    """An order's total can't fall below what was paid for it."""


class ReturnExceedsSold(DomainError):
    """More items would be returned than were sold and not yet returned."""


class ReturnExists(DomainError):
    """There is a return with this id already."""


# Payments.


class InvalidPayment(DomainError):
    """A payment is above zero."""


class UnknownPaymentKind(DomainError):
    """A payment is a payment or a refund."""


class Overpayment(DomainError):
    """The payment is more than is owed."""


class PaymentExists(DomainError):
    """There is a payment with this id already."""


# Financing.


class InvalidPrincipal(DomainError):
    """A financed principal is above zero."""


class InvalidRate(DomainError):
    """A monthly rate is a decimal fraction from 0 to 1 with at most six decimals: 0.02 is 2 %."""


class InvalidInstalments(DomainError):
    """The number of instalments is a whole number from 1 to 1200."""


class UnknownSystem(DomainError):
    """A financing system is PRICE or SAC."""


class InvalidDueDate(DomainError):
    """Every due date is a day of the calendar, before the year 10000."""


class WrongInstalment(DomainError):
    """An instalment's payment is its principal part plus its interest, and none of them is negative."""


class FinancingNotFound(DomainError):
    """There is no financing with this id."""


class FinancingExists(DomainError):
    """There is a financing with this id already."""
