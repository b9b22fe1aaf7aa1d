"""Payments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import click

from app.face import shop, show
from app.face.base import Face, Group, pass_face


@click.group(cls=Group, examples=("neaptide payment list D-000042",))
def command() -> None:
    """Payments: take in, look up."""


@command.command(cls=shop.Writing, examples=("neaptide payment process N-1 16.50 --method card",))
@click.argument("order", type=shop.ORDER)
@click.argument("amount", type=shop.Amount())
@click.option("--method", default="card", show_default=True, help="How it was paid.")
@shop.currency_option
@pass_face
def process(face: Face, *, order: str, amount: Decimal, method: str, currency: str) -> None:
    """Take a part or all of what is owed for an order; prints the payment's id."""
    from app.commands.payment import ProcessPayment

    payment_id = shop.fresh_id()
    paid, order_id = shop.money(amount, currency), shop.resolved(face, shop.ORDER, order)
    shop.send(
        face,
        ProcessPayment(payment_id=payment_id, order_id=order_id, amount=paid, method=method, at=shop.now()),
        payment_id,
    )


@command.command("list", examples=("neaptide payment list D-000042 --json",))
@click.argument("order")
@shop.reading_options
@pass_face
def list_(face: Face, *, order: str, as_json: bool, max_staleness: timedelta | None) -> None:
    """List the payments and refunds of an order, by id or number."""
    from app.face import tables
    from app.queries import orders

    order_details = shop.read(
        face, max_staleness, lambda store: shop.find(store, order, "order_by_number", orders.find_by_id)
    )
    if as_json:
        click.echo(tables.json_of(order_details.payments), nl=False)
    else:
        shop.show_rows(("id", "kind", "amount", "currency", "method", "paid_at"), order_details.payments)
    show.freshness(face, order_details.as_of)
