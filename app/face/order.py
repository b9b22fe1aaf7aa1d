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
    from app.queries.orders import OrderDetails

_ID = "0197a3c0-0000-7000-8000-000000000003"
_PRODUCT = "0197a3c0-0000-7000-8000-000000000001"
_CUSTOMER = "0197a3c0-0000-7000-8000-000000000002"
_ITEM = re.compile(r"(?P<id>[0-9a-fA-F-]{32,36})(?::(?P<quantity>\d+))?(?:@(?P<price>\d+(?:\.\d+)?))?")
_ITEMS = ("line_no", "sku", "name", "quantity", "unit_price", "line_total", "returned_quantity")
_RETURNS = ("line_no", "quantity", "amount", "returned_at")
_PAYMENTS = ("kind", "amount", "method", "paid_at")


class Item(click.ParamType[tuple[UUID, int, Decimal | None]]):
    """`PRODUCT_ID[:QUANTITY[@PRICE]]` to its three parts."""

    name = "item"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[UUID, int, Decimal | None]:
        found = _ITEM.fullmatch(str(value))
        try:
            product_id = UUID(found["id"]) if found else None
        except ValueError:
            product_id = None
        if found is None or product_id is None:
            self.fail(f"{value!r} is not PRODUCT_ID[:QUANTITY[@PRICE]]", param, ctx)
        return product_id, int(found["quantity"] or 1), Decimal(found["price"]) if found["price"] else None


@click.group(cls=Group, examples=("neaptide order show D-000042",))
def command() -> None:
    """Orders: place, change, ship, take back, look up."""


@command.command(examples=(f"neaptide order place {_CUSTOMER} --item {_PRODUCT}:2",))
@click.argument("customer_id", type=shop.ID)
@click.option(
    "--item",
    "items",
    type=Item(),
    multiple=True,
    required=True,
    help="PRODUCT_ID[:QUANTITY[@PRICE]]; may be repeated.",
)
@click.option("--number", help="The order's number; made from its id if not given.")
@shop.currency_option
@pass_face
def place(
    face: Face,
    *,
    customer_id: UUID,
    items: tuple[tuple[UUID, int, Decimal | None], ...],
    number: str | None,
    currency: str,
) -> None:
    """Place an order and print its id; prices are those of the products now, or agreed with @PRICE."""
    from app.commands.order import PlaceOrder

    made = shop.fresh_id()
    lines = tuple(_line(item, currency) for item in items)
    shop.send(
        face,
        PlaceOrder(order_id=made, number=number or _number(made), customer_id=customer_id, items=lines, at=shop.now()),
        made,
    )


@command.command(examples=(f"neaptide order add {_ID} {_PRODUCT}:3",))
@click.argument("order_id", type=shop.ID)
@click.argument("item", type=Item())
@click.option("--line", "line_no", type=int, help="The line's number; the next free one if not given.")
@shop.currency_option
@pass_face
def add(
    face: Face, *, order_id: UUID, item: tuple[UUID, int, Decimal | None], line_no: int | None, currency: str
) -> None:
    """Add a line to an open order."""
    from app.commands.order import AddItem

    line = _line(item, currency)
    shop.send(face, AddItem(order_id=order_id, item=line, line_no=line_no, at=shop.now()), order_id)


@command.command(examples=(f"neaptide order remove {_ID} 2",))
@click.argument("order_id", type=shop.ID)
@click.argument("line_no", type=int)
@pass_face
def remove(face: Face, *, order_id: UUID, line_no: int) -> None:
    """Take a line out of an open order."""
    from app.commands.order import RemoveItem

    shop.send(face, RemoveItem(order_id=order_id, line_no=line_no, at=shop.now()), order_id)


@command.command(examples=(f"neaptide order cancel {_ID}",))
@click.argument("order_id", type=shop.ID)
@pass_face
def cancel(face: Face, *, order_id: UUID) -> None:
    """Call an order off; what was paid is refunded."""
    from app.commands.order import CancelOrder

    shop.send(face, CancelOrder(order_id=order_id, refund_id=shop.fresh_id(), at=shop.now()), order_id)


@command.command(examples=(f"neaptide order ship {_ID}",))
@click.argument("order_id", type=shop.ID)
@pass_face
def ship(face: Face, *, order_id: UUID) -> None:
    """Send an order off that is paid in full."""
    from app.commands.order import ShipOrder

    shop.send(face, ShipOrder(order_id=order_id, at=shop.now()), order_id)


@command.command("return", examples=(f"neaptide order return {_ID} 1 2 --reference RMA-7",))
@click.argument("order_id", type=shop.ID)
@click.argument("line_no", type=int)
@click.argument("quantity", type=int)
@click.option("--reference", help="The paper that came with it.")
@pass_face
def return_(face: Face, *, order_id: UUID, line_no: int, quantity: int, reference: str | None) -> None:
    """Take back pieces of one line of a shipped order; prints the return's id."""
    from app.commands.order import ReturnItems

    made = shop.fresh_id()
    shop.send(
        face,
        ReturnItems(
            order_id=order_id, return_id=made, line_no=line_no, quantity=quantity, reference=reference, at=shop.now()
        ),
        made,
    )


@command.command("show", examples=("neaptide order show D-000042", f"neaptide order show {_ID} --json"))
@click.argument("order")
@shop.reading_options
@pass_face
def show_(face: Face, *, order: str, as_json: bool, max_staleness: timedelta | None) -> None:
    """Show one order with its lines, payments and returns, by id or number."""
    from app.queries import orders

    found = shop.read(face, max_staleness, lambda store: shop.find(store, order, "order_by_number", orders.find_by_id))
    shop.show_one(face, found if as_json else found.order, as_json, found.as_of)
    if not as_json:
        _show_parts(found)


@command.command("list", examples=("neaptide order list C-1001 --status open",))
@click.argument("customer")
@click.option("--status", type=click.Choice(["open", "paid", "shipped", "cancelled"]))
@shop.page_options
@shop.reading_options
@pass_face
def list_(
    face: Face,
    *,
    customer: str,
    status: str | None,
    page: int,
    size: int,
    as_json: bool,
    max_staleness: timedelta | None,
) -> None:
    """List a customer's orders, newest first; the customer by id or reference."""
    from app.queries import orders

    found = shop.read(
        face,
        max_staleness,
        lambda store: orders.of_customer(
            store, shop.identify(store, customer, "customer_by_reference"), status=status, page=page, size=size
        ),
    )
    shop.show_page(face, found, ("number", "placed_at", "status", "total", "paid", "currency"), as_json)


def _show_parts(found: OrderDetails) -> None:
    for columns, rows in ((_ITEMS, found.items), (_PAYMENTS, found.payments), (_RETURNS, found.returns)):
        if rows:
            click.echo()
            shop.show_rows(columns, rows)


def _line(item: tuple[UUID, int, Decimal | None], currency: str) -> OrderLine:
    from app.commands.order import OrderLine

    product_id, quantity, price = item
    return OrderLine(product_id, quantity, None if price is None else shop.money(price, currency))


def _number(order_id: UUID) -> str:
    """The id's time and some of its chance: unique enough, and sorts by time."""
    return f"N-{order_id.hex[:12]}-{order_id.hex[-6:]}".upper()
