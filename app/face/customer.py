"""Customers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.face import shop
from app.face.base import Face, Group, pass_face

if TYPE_CHECKING:
    from app.queries.customers import Customer
    from app.queries.pages import Page
    from app.reporting.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def _address_options(function: F) -> F:
    for name in ("--postal-code", "--city", "--street"):
        function = click.option(name)(function)
    return click.option("--country", required=True)(function)


@click.group(cls=Group, examples=("neaptide customer list --country Portugal",))
def command() -> None:
    """Customers: register, move, look up."""


@command.command(
    cls=shop.Writing, examples=("neaptide customer register C-1001 'Ana Lima' --country Portugal --city Porto",)
)
@click.argument("reference")
@click.argument("name")
@_address_options
@pass_face
def register(
    face: Face,
    *,
    reference: str,
    name: str,
    country: str,
    street: str | None,
    city: str | None,
    postal_code: str | None,
) -> None:
    """Take in a customer and print the id."""
    from app.commands.customer import RegisterCustomer
    from app.domain.customer import Address

    customer_id, address = shop.fresh_id(), Address(country, street, city, postal_code)
    shop.send(
        face,
        RegisterCustomer(customer_id=customer_id, reference=reference, name=name, address=address, at=shop.now()),
        customer_id,
    )


@command.command(cls=shop.Writing, examples=("neaptide customer address C-1001 --country Portugal --city Braga",))
@click.argument("customer", type=shop.CUSTOMER)
@_address_options
@pass_face
def address(
    face: Face, *, customer: str, country: str, street: str | None, city: str | None, postal_code: str | None
) -> None:
    """Replace a customer's whole address."""
    from app.commands.customer import ChangeAddress
    from app.domain.customer import Address

    there, customer_id = Address(country, street, city, postal_code), shop.resolved(face, shop.CUSTOMER, customer)
    shop.send(face, ChangeAddress(customer_id=customer_id, address=there, at=shop.now()), customer_id)


@command.command("show", examples=("neaptide customer show C-0001", "neaptide customer show C-1001 --max-staleness 0s"))
@click.argument("customer")
@shop.reading_options
@pass_face
def show_(face: Face, *, customer: str, as_json: bool, max_staleness: timedelta | None) -> None:
    """Show one customer, by id or reference."""
    from app.queries import customers

    record = shop.read(
        face, max_staleness, lambda store: shop.find(store, customer, "customer_by_reference", customers.find_by_id)
    )
    shop.show_one(face, record, as_json, record.as_of)


@command.command("list", examples=("neaptide customer list --country Portugal --sort name",))
@click.option("--text", help="Only those with this in their reference or name.")
@click.option("--country", help="Only those who live there.")
@click.option(
    "--sort", default="reference", show_default=True, metavar="KEY", help="reference, name, …; -KEY turns it."
)
@shop.listing("reference", "name", "city", "country")
def list_(store: Store, **asked: Any) -> Page[Customer]:
    """List customers."""
    from app.queries import customers

    return customers.find_all(store, **asked)
