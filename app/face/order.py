"""Orders."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.face import shop
from app.face.base import Face, Group, pass_face

if TYPE_CHECKING:
    from app.commands.order import OrderLine
    from app.queries.orders import Order, OrderDetails
    from app.queries.pages import Page
    from app.reporting.store import Store

_ITEM = re.compile(r"(?P<product>[^:@]+)(?::(?P<quantity>\d+))?(?:@(?P<price>\d+(?:\.\d+)?))?")
_Given = tuple[str, int, Decimal | None]
_ITEMS = ("line_no", "sku", "name", "quantity", "unit_price", "line_total", "returned_quantity")
_RETURNS = ("line_no", "quantity", "amount", "returned_at")
_PAYMENTS = ("kind", "amount", "method", "paid_at")


class Item(click.ParamType[_Given]):
    """`PRODUCT[:QUANTITY[@PRICE]]` to its three parts; the product by id or SKU."""

    name = "item"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _Given:
        match = _ITEM.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not PRODUCT[:QUANTITY[@PRICE]]", param, ctx)
        return match["product"], int(match["quantity"] or 1), Decimal(match["price"]) if match["price"] else None


@click.group(cls=Group, examples=("neaptide order show D-000042",))
def command() -> None:
    """Orders: place, change, ship, take back, look up."""


@command.command(cls=shop.Writing, examples=("neaptide order place C-1001 --item MUG-1:2 --number N-1",))
@click.argument("customer", type=shop.CUSTOMER)
@click.option(
    "--item",
    "items",
    type=Item(),
    multiple=True,
    required=True,
    help="PRODUCT[:QUANTITY[@PRICE]], the product by id or SKU; may be repeated.",
)
@click.option("--number", help="The order's number; made from its id if not given.")
@shop.currency_option
@pass_face
def place(
    face: Face,
    *,
    customer: str,
    items: tuple[_Given, ...],
    number: str | None,
    currency: str,
) -> None:
    """Place an order and print its id; prices are those of the products now, or agreed with @PRICE."""
    from app.commands.order import PlaceOrder

    order_id = shop.fresh_id()
    customer_id = shop.resolved(face, shop.CUSTOMER, customer)
    lines = tuple(_line(face, item, currency) for item in items)
    shop.send(
        face,
        PlaceOrder(
            order_id=order_id, number=number or _number(order_id), customer_id=customer_id, items=lines, at=shop.now()
        ),
        order_id,
    )


@command.command(cls=shop.Writing, examples=("neaptide order add N-1 D-001:3",))
@click.argument("order", type=shop.ORDER)
@click.argument("item", type=Item())
@click.option("--line", "line_no", type=int, help="The line's number; the next free one if not given.")
@shop.currency_option
@pass_face
def add(face: Face, *, order: str, item: _Given, line_no: int | None, currency: str) -> None:
    """Add a line to an open order."""
    from app.commands.order import AddItem

    line, order_id = _line(face, item, currency), shop.resolved(face, shop.ORDER, order)
    shop.send(face, AddItem(order_id=order_id, item=line, line_no=line_no, at=shop.now()), order_id)


@command.command(cls=shop.Writing, examples=("neaptide order remove N-1 2",))
@click.argument("order", type=shop.ORDER)
@click.argument("line_no", type=int)
@pass_face
def remove(face: Face, *, order: str, line_no: int) -> None:
    """Take a line out of an open order."""
    from app.commands.order import RemoveItem

    order_id = shop.resolved(face, shop.ORDER, order)
    shop.send(face, RemoveItem(order_id=order_id, line_no=line_no, at=shop.now()), order_id)


@command.command(cls=shop.Writing, examples=("neaptide order cancel D-000004",))
@click.argument("order", type=shop.ORDER)
@pass_face
def cancel(face: Face, *, order: str) -> None:
    """Call an order off; what was paid is refunded."""
    from app.commands.order import CancelOrder

    order_id = shop.resolved(face, shop.ORDER, order)
    shop.send(face, CancelOrder(order_id=order_id, refund_id=shop.fresh_id(), at=shop.now()), order_id)


@command.command(cls=shop.Writing, examples=("neaptide order ship D-000306",))
@click.argument("order", type=shop.ORDER)
@pass_face
def ship(face: Face, *, order: str) -> None:
    """Send an order off that is paid in full."""
    from app.commands.order import ShipOrder

    order_id = shop.resolved(face, shop.ORDER, order)
    shop.send(face, ShipOrder(order_id=order_id, at=shop.now()), order_id)


@command.command("return", cls=shop.Writing, examples=("neaptide order return D-000001 2 1 --reference RMA-7",))
@click.argument("order", type=shop.ORDER)
@click.argument("line_no", type=int)
@click.argument("quantity", type=int)
@click.option("--reference", help="The paper that came with it.")
@pass_face
def return_(face: Face, *, order: str, line_no: int, quantity: int, reference: str | None) -> None:
    """Take back pieces of one line of a shipped order; prints the return's id."""
    from app.commands.order import ReturnItems

    return_id, order_id = shop.fresh_id(), shop.resolved(face, shop.ORDER, order)
    shop.send(
        face,
        ReturnItems(
            order_id=order_id,
            return_id=return_id,
            line_no=line_no,
            quantity=quantity,
            reference=reference,
            at=shop.now(),
        ),
        return_id,
    )


@command.command("show", examples=("neaptide order show D-000042", "neaptide order show N-1 --max-staleness 0s"))
@click.argument("order")
@shop.reading_options
@pass_face
def show_(face: Face, *, order: str, as_json: bool, max_staleness: timedelta | None) -> None:
    """Show one order with its lines, payments and returns, by id or number."""
    from app.queries import orders

    details = shop.read(
        face, max_staleness, lambda store: shop.find(store, order, "order_by_number", orders.find_by_id)
    )
    shop.show_one(face, details if as_json else details.order, as_json, details.as_of)
    if not as_json:
        _show_parts(details)


@command.command("list", examples=("neaptide order list --size 5", "neaptide order list C-0001 --status shipped"))
@click.argument("customer", required=False)
@click.option("--status", type=click.Choice(["open", "paid", "shipped", "cancelled"]))
@shop.listing("number", "customer", "placed_at", "status", "total", "paid", "currency")
def list_(store: Store, *, customer: str | None, **asked: Any) -> Page[Order]:
    """List all orders, or a customer's, newest first; the customer by id or reference."""
    from app.queries import orders

    customer_id = None if customer is None else shop.identify(store, customer, "customer_by_reference")
    return orders.find_all(store, customer_id=customer_id, **asked)


def _show_parts(details: OrderDetails) -> None:
    for columns, rows in ((_ITEMS, details.items), (_PAYMENTS, details.payments), (_RETURNS, details.returns)):
        if rows:
            click.echo()
            shop.show_rows(columns, rows)


def _line(face: Face, item: _Given, currency: str) -> OrderLine:
    from app.commands.order import OrderLine

    product, quantity, price = item
    product_id = shop.resolved(face, shop.PRODUCT, product)
    return OrderLine(product_id, quantity, None if price is None else shop.money(price, currency))


def _number(order_id: UUID) -> str:
    """The id's time and some of its chance: unique enough, and sorts by time."""
    return f"N-{order_id.hex[:12]}-{order_id.hex[-6:]}".upper()
