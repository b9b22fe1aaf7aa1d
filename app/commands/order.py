"""Commands on orders: place, change, cancel, ship, return."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.commands.command import Command
from app.domain import errors, ids, money, texts
from app.domain.money import Money
from app.domain.order import Order, Wanted
from app.domain.quantity import Quantity
from app.ports import Keys, UnitOfWork


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A product and how many; `unit_price` only where another price than the product's was agreed."""

    product_id: UUID
    quantity: int
    unit_price: Money | None = None

    def __post_init__(self) -> None:
        ids.require_id(self.product_id, "a product's id")
        object.__setattr__(self, "quantity", Quantity(self.quantity))
        if self.unit_price is not None:
            money.price(self.unit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnOrder(Command):
    order_id: UUID

    def collect_keys(self, keys: Keys) -> None:
        keys.orders.add(self.order_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(_OnOrder):
    """Order these lines; they are numbered from 1 in the order given."""

    number: str
    customer_id: UUID
    items: tuple[OrderLine, ...]

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        object.__setattr__(self, "items", tuple(self.items))
        texts.required(self.number, "an order's number", longest=texts.MAX_KEY)
        if not self.items:
            raise errors.OrderWithoutItems

    def collect_keys(self, keys: Keys) -> None:
        keys.orders.add(self.order_id)
        keys.customers.add(self.customer_id)
        keys.products.update(line.product_id for line in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddItem(_OnOrder):
    """Add a line to an open order.

    `line_no` is the line's identity: with it a repeated command is refused. None takes the next free number, and
    then a repeated command adds a second line.
    """

    item: OrderLine
    line_no: int | None = None

    def collect_keys(self, keys: Keys) -> None:
        keys.orders.add(self.order_id)
        keys.products.add(self.item.product_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveItem(_OnOrder):
    """Take a line out of an open order."""

    line_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(_OnOrder):
    """Call an order off; what was paid goes back as the payment `refund_id`."""

    refund_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipOrder(_OnOrder):
    """Send an order off that is paid in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnItems(_OnOrder):
    """Take back pieces of one line of a shipped order; `reference` is the paper that came with them."""

    return_id: UUID
    line_no: int
    quantity: int
    reference: str | None = None

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        object.__setattr__(self, "quantity", Quantity(self.quantity))


def place_order(command: PlaceOrder, uow: UnitOfWork) -> None:
    order = Order.place(
        command.order_id,
        number=command.number,
        customer_id=uow.customers.get(command.customer_id).id,
        wanted=[_wanted(line, uow) for line in command.items],
        at=command.at,
    )
    uow.orders.add(order)


def add_item(command: AddItem, uow: UnitOfWork) -> None:
    uow.orders.get(command.order_id).add_item(_wanted(command.item, uow), line_no=command.line_no, at=command.at)


def remove_item(command: RemoveItem, uow: UnitOfWork) -> None:
    uow.orders.get(command.order_id).remove_item(command.line_no, at=command.at)


def cancel_order(command: CancelOrder, uow: UnitOfWork) -> None:
    uow.orders.get(command.order_id).cancel(refund_id=command.refund_id, at=command.at)


def ship_order(command: ShipOrder, uow: UnitOfWork) -> None:
    uow.orders.get(command.order_id).ship(at=command.at)


def return_items(command: ReturnItems, uow: UnitOfWork) -> None:
    uow.orders.get(command.order_id).return_items(
        command.return_id, command.line_no, command.quantity, at=command.at, reference=command.reference
    )


def _wanted(line: OrderLine, uow: UnitOfWork) -> Wanted:
    return Wanted(uow.products.get(line.product_id), Quantity(line.quantity), line.unit_price)
