"""A mechanism at work: something is written, time and again, and a reader waits for it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import statements
from app.face.base import Face

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from app.domain.money import Money

_ORDERS, _PAUSE = 8, 0.3
_CENT = Decimal("0.01")


def show(face: Face, url: str, orders: int) -> None:
    """With a daemon for as long as it lasts, place the orders after these and say when a reader had each."""
    from app.oltp import engine

    database = engine.create(url)
    click.echo(f"\n{_ORDERS} orders, one after the other, with a daemon that follows them:\n")
    try:
        with _daemon(face):
            _warm(face, database, orders)
            _watch(face, database, orders + 1)
    finally:
        database.dispose()


def show_dual(face: Face) -> None:
    """Raise the price of a product by a cent, time and again, on both sides at once, and say what a report has then."""
    product, price = _product(face)
    click.echo(f"\n{_ORDERS} prices, one after the other, each written to both sides by its command:\n")
    milliseconds = []
    for _turn in range(_ORDERS):
        price = type(price).of(price.amount + _CENT, price.currency)
        began = time.monotonic()
        _price(face, product, price)
        milliseconds.append((time.monotonic() - began) * 1000)
        verdict = "has it" if _product(face)[1] == price else "LACKS it"
        click.echo(f"  {price}: written in {milliseconds[-1]:,.0f} ms, and a report {verdict} at once")
    _median(milliseconds)


def _price(face: Face, product: UUID, price: Money) -> None:
    from app import bootstrap
    from app.commands import bus
    from app.commands.product import ChangePrice

    with bootstrap.write_side(face.settings, tell=face.say) as units:
        bus.handle(ChangePrice(product_id=product, unit_price=price, at=face.now()), units)


def _product(face: Face) -> tuple[UUID, Money]:
    """The oldest product that is on sale, and its price, as a report has them."""
    from app import bootstrap
    from app.domain.money import Money

    with bootstrap.reporting_file(face.settings) as store:
        answer = store.query(statements.get("demo/mechanisms", "on_sale"))
    product, amount, currency = answer.rows[0]
    return product, Money.of(amount, currency)


def _median(numbers: Sequence[float]) -> None:
    click.echo(f"\nmedian {statistics.median(numbers):,.0f} ms")


def _watch(face: Face, engine: Engine, orders: int) -> None:
    milliseconds = []
    for turn in range(1, _ORDERS + 1):
        time.sleep(_PAUSE)
        milliseconds.append(_seconds(face, engine, orders + turn) * 1000)
        click.echo(f"  order {orders + turn:,}: a report has it {milliseconds[-1]:,.0f} ms after the commit")
    _median(milliseconds)


def _warm(face: Face, engine: Engine, orders: int) -> None:
    """The daemon has to start before it can be measured."""
    _seconds(face, engine, orders + 1)


def _seconds(face: Face, engine: Engine, orders: int) -> float:
    """Place the orders up to this many; from the last commit to the answer."""
    from app.demo import seeded
    from app.mechanisms import place

    seeded.place(engine, orders)
    began = time.monotonic()
    place.until_true(lambda: _shown(face) >= orders, "the order in the reporting file")
    return time.monotonic() - began


def _shown(face: Face) -> int:
    from app import bootstrap

    with bootstrap.reporting_file(face.settings) as store:
        return int(store.query(statements.get("demo/mechanisms", "orders")).rows[0][0])


@contextmanager
def _daemon(face: Face) -> Iterator[None]:
    from app.mechanisms import place

    with tempfile.TemporaryDirectory() as folder:
        process = place.daemon(face.config_path.absolute(), Path(folder) / "log")
        try:
            yield
        finally:
            process.terminate()
            process.wait()
