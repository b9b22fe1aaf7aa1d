"""Orders that come in while one looks: the next of the generated ones, one after the other, until told to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import errors
from app.demo import seeded

# Seconds from one order to the next.
_PAUSE = 1.0


@contextmanager
def coming(engine: Engine, orders: int) -> Iterator[None]:
    """Place the orders after these `orders` in a thread, for as long as the block lasts."""
    over = threading.Event()
    thread = threading.Thread(target=_place, args=(engine, orders, over), name="visitors", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)


def _place(engine: Engine, orders: int, over: threading.Event) -> None:
    """A server that is away for a moment, or a neighbour who places orders, too, is no reason to end."""
    while not over.wait(_PAUSE):
        try:
            placed = seeded.place(engine, orders + 1)
        except (errors.Retryable, SQLAlchemyError):
            continue
        orders = max(orders + 1, placed.before + placed.placed)
