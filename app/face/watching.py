"""A feed at work: orders come in, and a reader waits for each of them."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.face.base import Face

if TYPE_CHECKING:
    from sqlalchemy import Engine

_ORDERS, _PAUSE = 8, 0.3


def show(face: Face, url: str, orders: int) -> None:
    """With a daemon for as long as it lasts, place the orders after these and say when a reader had each."""
    from app.oltp import engine

    made = engine.create(url)
    click.echo(f"\n{_ORDERS} orders, one after the other, with a daemon that follows them:\n")
    try:
        with _daemon(face):
            _warm(face, made, orders)
            _watch(face, made, orders + 1)
    finally:
        made.dispose()


def _watch(face: Face, made: Engine, orders: int) -> None:
    found = []
    for turn in range(1, _ORDERS + 1):
        time.sleep(_PAUSE)
        found.append(_seconds(face, made, orders + turn) * 1000)
        click.echo(f"  order {orders + turn:,}: a report has it {found[-1]:,.0f} ms after the commit")
    click.echo(f"\nmedian {statistics.median(found):,.0f} ms")


def _warm(face: Face, made: Engine, orders: int) -> None:
    """The daemon has to start before it can be measured."""
    _seconds(face, made, orders + 1)


def _seconds(face: Face, made: Engine, orders: int) -> float:
    """Place the orders up to this many; from the last commit to the answer."""
    from app.demo import seeded
    from app.mechanisms import place

    seeded.place(made, orders)
    began = time.monotonic()
    place.until_true(lambda: _shown(face) >= orders, "the order in the reporting file")
    return time.monotonic() - began


def _shown(face: Face) -> int:
    from app import bootstrap

    with bootstrap.reporting_file(face.settings) as store:
        return int(store.query("SELECT count(*) FROM shop.orders").rows[0][0])


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
