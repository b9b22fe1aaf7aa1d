"""Financing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import click

from app.face import shop, show
from app.face.base import Face, Group, pass_face

if TYPE_CHECKING:
    from app.queries.financing import Financing, Instalment
    from app.reporting.store import Store

# One of the demo's, which are the same each time.
_ID = "01931038-9d30-731e-9cd5-e176f5dbfa46"
_EXAMPLE = "neaptide financing simulate 1200.00 --rate 0.02 --instalments 12 --first-due 2027-01-31"


@click.group(cls=Group, examples=(f"neaptide financing show {_ID}",))
def command() -> None:
    """Financing: simulate instalments, look them up."""


@command.command(cls=shop.Writing, examples=(_EXAMPLE, f"{_EXAMPLE} --system SAC --order D-000001"))
@click.argument("principal", type=shop.Amount())
@click.option("--rate", type=shop.Amount(), required=True, help="Per month, as a fraction: 0.02 is 2 %.")
@click.option("--instalments", type=int, required=True, metavar="N")
@click.option("--first-due", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first due date.")
@click.option("--system", type=click.Choice(["PRICE", "SAC"]), default="PRICE", show_default=True)
@click.option("--order", type=shop.ORDER, help="The order it pays for.")
@shop.currency_option
@pass_face
def simulate(
    face: Face,
    *,
    principal: Decimal,
    rate: Decimal,
    instalments: int,
    first_due: datetime,
    system: str,
    order: str | None,
    currency: str,
) -> None:
    """Compute and keep a schedule of instalments; prints the financing's id."""
    from app.commands.financing import SimulateFinancing

    financing_id = shop.fresh_id()
    shop.send(
        face,
        SimulateFinancing(
            financing_id=financing_id,
            principal=shop.money(principal, currency),
            monthly_rate=rate,
            instalments=instalments,
            system=system,
            first_due_date=first_due.date(),
            order_id=None if order is None else shop.resolved(face, shop.ORDER, order),
            at=shop.now(),
        ),
        financing_id,
    )


@command.command("show", examples=(f"neaptide financing show {_ID}",))
@click.argument("financing_id", type=shop.ID)
@shop.reading_options
@pass_face
def show_(face: Face, *, financing_id: UUID, as_json: bool, max_staleness: timedelta | None) -> None:
    """Show one financing and its instalments."""
    financing, schedule = shop.read(face, max_staleness, lambda store: _with_schedule(store, financing_id))
    if as_json:
        show.as_json(asdict(financing) | {"schedule": [asdict(one) for one in schedule]})
    else:
        show.record({name: value for name, value in asdict(financing).items() if name != "as_of"})
        click.echo()
        shop.show_rows(("number", "due_date", "payment", "principal", "interest", "balance"), schedule)
    show.freshness(face, financing.as_of)


def _with_schedule(store: Store, financing_id: UUID) -> tuple[Financing, tuple[Instalment, ...]]:
    from app.queries import financing

    record = financing.find_by_id(store, financing_id)
    if record is None:
        raise shop.unknown("financing", str(financing_id), store)
    return record, financing.instalments(store, financing_id)
