"""A small shop to write to: a unit of work on a database, and commands with everything but the point filled in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from app.commands import bus
from app.commands.command import Command
from app.commands.customer import RegisterCustomer
from app.commands.order import OrderLine, PlaceOrder
from app.commands.payment import ProcessPayment
from app.commands.product import CreateProduct
from app.domain import ids
from app.domain.customer import Address
from app.domain.money import Money
from app.oltp import engine
from app.oltp.uow import SqlAlchemyUnitOfWork

AT = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


class Shop:
    """The write side of one database, with two products (10.00 and 2.50 EUR) and a customer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = engine.create(url)
        self.tea, self.cup, self.customer = ids.new_id(), ids.new_id(), ids.new_id()
        self._orders = 0

    def uow(self) -> SqlAlchemyUnitOfWork:
        return SqlAlchemyUnitOfWork(self.engine)

    def handle(self, *commands: Command) -> None:
        for command in commands:
            bus.handle(command, self.uow)

    def stock(self) -> None:
        self.handle(
            CreateProduct(at=AT, product_id=self.tea, sku="TEA", name="Tea", unit_price=eur("10.00")),
            CreateProduct(at=AT, product_id=self.cup, sku="CUP", name="Cup", unit_price=eur("2.50")),
            RegisterCustomer(
                at=AT, customer_id=self.customer, reference="C-1", name="Ada", address=Address(country="Spain")
            ),
        )

    def placing(self, **changes: Any) -> PlaceOrder:
        """A command for 2 x tea and 4 x cup: 30.00 EUR."""
        self._orders += 1
        given: dict[str, Any] = {
            "order_id": ids.new_id(),
            "number": f"N-{self._orders}",
            "customer_id": self.customer,
            "items": (OrderLine(self.tea, 2), OrderLine(self.cup, 4)),
            "at": AT,
        }
        return PlaceOrder(**{**given, **changes})

    def place(self, **changes: Any) -> UUID:
        command = self.placing(**changes)
        self.handle(command)
        return command.order_id

    def paying(self, order_id: UUID, amount: str, **changes: Any) -> ProcessPayment:
        given: dict[str, Any] = {"payment_id": ids.new_id(), "method": "card", "at": AT}
        return ProcessPayment(order_id=order_id, amount=eur(amount), **{**given, **changes})

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values or None).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        """By hand, as somebody at psql would."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, values or None)


@contextmanager
def opened(url: str) -> Iterator[Shop]:
    """A stocked shop in a database with the shop's schema."""
    shop = Shop(url)
    try:
        shop.stock()
        yield shop
    finally:
        shop.engine.dispose()
