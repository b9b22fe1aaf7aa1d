"""Products."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from app.face import shop
from app.face.base import Face, Group, pass_face

if TYPE_CHECKING:
    from app.queries.pages import Page
    from app.queries.products import Product
    from app.reporting.store import Store


@click.group(cls=Group, examples=("neaptide product list --text clock",))
def command() -> None:
    """Products: create, change, look up."""


@command.command(cls=shop.Writing, examples=("neaptide product create MUG-1 'Blue mug' 7.50 --currency EUR",))
@click.argument("sku")
@click.argument("name")
@click.argument("price", type=shop.Amount())
@shop.currency_option
@pass_face
def create(face: Face, *, sku: str, name: str, price: Decimal, currency: str) -> None:
    """Put a product on sale and print its id."""
    from app.commands.product import CreateProduct

    product_id = shop.fresh_id()
    unit_price = shop.money(price, currency)
    shop.send(
        face, CreateProduct(product_id=product_id, sku=sku, name=name, unit_price=unit_price, at=shop.now()), product_id
    )


@command.command(cls=shop.Writing, examples=("neaptide product rename MUG-1 'Large blue mug'",))
@click.argument("product", type=shop.PRODUCT)
@click.argument("name")
@pass_face
def rename(face: Face, *, product: str, name: str) -> None:
    """Give a product another name."""
    from app.commands.product import RenameProduct

    product_id = shop.resolved(face, shop.PRODUCT, product)
    shop.send(face, RenameProduct(product_id=product_id, name=name, at=shop.now()), product_id)


@command.command(cls=shop.Writing, examples=("neaptide product price MUG-1 8.25",))
@click.argument("product", type=shop.PRODUCT)
@click.argument("price", type=shop.Amount())
@shop.currency_option
@pass_face
def price(face: Face, *, product: str, price: Decimal, currency: str) -> None:
    """Set the price of orders to come."""
    from app.commands.product import ChangePrice

    unit_price, product_id = shop.money(price, currency), shop.resolved(face, shop.PRODUCT, product)
    shop.send(face, ChangePrice(product_id=product_id, unit_price=unit_price, at=shop.now()), product_id)


@command.command(cls=shop.Writing, examples=("neaptide product discontinue D-009",))
@click.argument("product", type=shop.PRODUCT)
@pass_face
def discontinue(face: Face, *, product: str) -> None:
    """Take a product out of sale."""
    from app.commands.product import DiscontinueProduct

    product_id = shop.resolved(face, shop.PRODUCT, product)
    shop.send(face, DiscontinueProduct(product_id=product_id, at=shop.now()), product_id)


@command.command("show", examples=("neaptide product show D-001", "neaptide product show MUG-1 --max-staleness 0s"))
@click.argument("product")
@shop.reading_options
@pass_face
def show_(face: Face, *, product: str, as_json: bool, max_staleness: timedelta | None) -> None:
    """Show one product, by id or SKU."""
    from app.queries import products

    record = shop.read(
        face, max_staleness, lambda store: shop.find(store, product, "product_by_sku", products.find_by_id)
    )
    shop.show_one(face, record, as_json, record.as_of)


@command.command("list", examples=("neaptide product list --text mug --sort -price", "neaptide product list --json"))
@click.option("--text", help="Only those with this in their SKU or name.")
@click.option("--status", type=click.Choice(["active", "discontinued"]))
@click.option("--sort", default="sku", show_default=True, metavar="KEY", help="sku, name, price, …; -KEY turns it.")
@shop.listing("sku", "name", "unit_price", "currency", "status")
def list_(store: Store, **asked: Any) -> Page[Product]:
    """List products."""
    from app.queries import products

    return products.find_all(store, **asked)
