"""Order: items at the price of the day they were ordered, paid in parts, shipped, perhaps returned.

Status: open -> paid -> shipped; an open or paid order can be cancelled. Every method checks first and changes
after, so a refused call leaves the order as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from app.domain import errors, events, ids, money, payment, texts
from app.domain.events import Event
from app.domain.money import Money
from app.domain.payment import Payment
from app.domain.product import Product
from app.domain.quantity import LARGEST as LARGEST_INTEGER
from app.domain.quantity import Quantity

OPEN = "open"
PAID = "paid"
SHIPPED = "shipped"
CANCELLED = "cancelled"


class OrderItem(NamedTuple):
    """One line. `unit_price` was captured when the line was ordered; `line_total` is quantity x unit price."""

    line_no: int
    product_id: UUID
    quantity: int
    unit_price: Money
    line_total: Money
    returned_quantity: int = 0


class ItemReturn(NamedTuple):
    """Pieces of one line that came back; `amount` is quantity x the captured price."""

    id: UUID
    line_no: int
    quantity: int
    amount: Money
    returned_at: datetime
    reference: str | None


class Wanted(NamedTuple):
    """What a customer asks for: a product, how many, and the agreed price if it is not the product's own."""

    product: Product
    quantity: Quantity
    unit_price: Money | None = None


@dataclass(slots=True)
class Order:
    """An order. `paid` is payments minus refunds; `version` is kept by the repository."""

    id: UUID
    number: str
    customer_id: UUID
    currency: str
    placed_at: datetime
    items: dict[int, OrderItem]
    total: Money
    paid: Money
    status: str = OPEN
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    cancelled_at: datetime | None = None
    version: int = 1
    payments: list[Payment] = field(default_factory=list)
    returns: list[ItemReturn] = field(default_factory=list)
    events: list[Event] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def place(cls, order_id: UUID, *, number: str, customer_id: UUID, wanted: Sequence[Wanted], at: datetime) -> Self:
        """A new open order, its lines numbered from 1; all lines are in the first one's currency.

        Raises `errors.OrderWithoutItems`, `errors.ProductDiscontinued`, `errors.CurrencyMismatch`.
        """
        ids.require_id(order_id, "an order's id")
        ids.require_aware(at)
        if not wanted:
            raise errors.OrderWithoutItems
        items = {line_no: _item(line_no, line) for line_no, line in enumerate(wanted, start=1)}
        currency = items[1].unit_price.currency
        order = cls(
            id=order_id,
            number=texts.required(number, "an order's number", longest=texts.MAX_KEY),
            customer_id=customer_id,
            currency=currency,
            placed_at=at,
            items=items,
            total=_sum(items.values(), currency),
            paid=Money.zero(currency),
        )
        order.events.append(_placed(order))
        return order

    @property
    def owed(self) -> Money:
        return self.total - self.paid

    def add_item(self, wanted: Wanted, *, line_no: int | None = None, at: datetime | None = None) -> None:
        """Add a line while the order is open; without `line_no` it gets the next free one."""
        self._require(errors.OrderNotOpen, OPEN)
        number = _line_no(max(self.items) + 1 if line_no is None else line_no)
        if number in self.items:
            raise errors.ItemExists(f"order {self.number} has a line {number} already")
        item = _item(number, wanted)
        self.total = self.total + item.line_total
        self.items[number] = item
        self._tell(events.OrderItemAdded, at, **_told(item))

    def remove_item(self, line_no: int, *, at: datetime) -> None:
        """Take a line out while the order is open; if what is left was paid already, the order is paid."""
        self._require(errors.OrderNotOpen, OPEN)
        ids.require_aware(at)
        remaining = self.total - self._line(line_no).line_total
        if len(self.items) == 1:
            raise errors.OrderWithoutItems(f"line {line_no} is the last of order {self.number}: cancel it instead")
        if remaining < self.paid:
            raise errors.TotalBelowPaid(f"{self.paid} were paid, {remaining} would be left")
        del self.items[line_no]
        self.total = remaining
        self._tell(events.OrderItemRemoved, at, line_no=line_no)
        self._settle(at)

    def pay(self, payment_id: UUID, amount: Money, *, method: str, at: datetime) -> None:
        """Take a part or all of what is owed; the last part makes the order paid."""
        ids.require_id(payment_id, "a payment's id")
        ids.require_aware(at)
        _refuse_known(self, payment_id)
        self._require(errors.OrderNotOpen, OPEN)
        payment.require_payable(amount, self.owed)
        how = texts.required(method, "a payment method", longest=texts.MAX_KEY)
        self.payments.append(Payment(payment_id, payment.PAYMENT, amount, how, at))
        self.paid = self.paid + amount
        self._tell(events.PaymentReceived, at, payment_id=payment_id, amount=amount, method=how, owed=self.owed)
        self._settle(at)

    def ship(self, *, at: datetime) -> None:
        """Send it off, paid in full."""
        ids.require_aware(at)
        if self.status != PAID:
            raise errors.OrderNotPaid(f"order {self.number} is {self.status}, {self.owed} are owed")
        self.status = SHIPPED
        self.shipped_at = at
        self._tell(events.OrderShipped, at)

    def cancel(self, *, refund_id: UUID, at: datetime) -> None:
        """Call it off and pay back what came in; `refund_id` names the refund, if there is one."""
        ids.require_id(refund_id, "a refund's id")
        ids.require_aware(at)
        self._require(errors.OrderNotCancellable, OPEN, PAID)
        refunded = self.paid
        if refunded:
            _refuse_known(self, refund_id)
            self.payments.append(Payment(refund_id, payment.REFUND, refunded, self.payments[-1].method, at))
            self.paid = Money.zero(self.currency)
        self.status = CANCELLED
        self.cancelled_at = at
        self._tell(events.OrderCancelled, at, refunded=refunded)

    def return_items(
        self, return_id: UUID, line_no: int, quantity: int, *, at: datetime, reference: str | None = None
    ) -> None:
        """Take back pieces of a shipped line, up to what was sold and not yet returned."""
        ids.require_id(return_id, "a return's id")
        ids.require_aware(at)
        if any(known.id == return_id for known in self.returns):
            raise errors.ReturnExists(f"order {self.number} has the return {return_id} already")
        self._require(errors.OrderNotShipped, SHIPPED)
        pieces, item = Quantity(quantity), self._line(line_no)
        left = item.quantity - item.returned_quantity
        if pieces > left:
            raise errors.ReturnExceedsSold(f"line {line_no}: {pieces} of {left} can't be returned", left=left)
        note = texts.optional(reference, "a return's reference")
        amount = item.unit_price * pieces
        self.returns.append(ItemReturn(return_id, line_no, pieces, amount, at, note))
        self.items[line_no] = item._replace(returned_quantity=item.returned_quantity + pieces)
        self._tell(
            events.OrderItemsReturned, at, return_id=return_id, line_no=line_no, quantity=int(pieces), amount=amount
        )

    def _settle(self, at: datetime) -> None:
        if self.paid and self.paid == self.total:
            self.status = PAID
            self.paid_at = at
            self._tell(events.OrderPaid, at, total=self.total)

    def _tell(self, event: type[Event], at: datetime | None, **given: Any) -> None:
        self.events.append(event(key=self.id, at=at, **given))

    def _line(self, line_no: int) -> OrderItem:
        try:
            return self.items[line_no]
        except KeyError:
            raise errors.ItemNotFound(f"order {self.number} has no line {line_no}") from None

    def _require(self, broken: type[errors.DomainError], *allowed: str) -> None:
        if self.status not in allowed:
            raise broken(f"order {self.number} is {self.status}", status=self.status)


def _refuse_known(order: Order, payment_id: UUID) -> None:
    if any(known.id == payment_id for known in order.payments):
        raise errors.PaymentExists(f"order {order.number} has the payment {payment_id} already")


def _item(line_no: int, wanted: Wanted) -> OrderItem:
    product, quantity, agreed = wanted
    product.require_active()
    unit_price = product.unit_price if agreed is None else money.price(agreed)
    return OrderItem(line_no, product.id, quantity, unit_price, unit_price * quantity)


def _placed(order: Order) -> Event:
    return events.OrderPlaced(
        key=order.id,
        at=order.placed_at,
        number=order.number,
        customer_id=order.customer_id,
        total=order.total,
        items=tuple(_told(item) for item in order.items.values()),
    )


def _told(item: OrderItem) -> dict[str, Any]:
    return {
        "line_no": item.line_no,
        "product_id": item.product_id,
        "quantity": int(item.quantity),
        "unit_price": item.unit_price,
    }


def _line_no(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_INTEGER:
        raise errors.InvalidLineNumber(f"a line number is a whole number of at least 1, not {value!r}")
    return value


def _sum(items: Iterable[OrderItem], currency: str) -> Money:
    return money.total((item.line_total for item in items), currency)
