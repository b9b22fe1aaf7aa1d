"""The unit of work on PostgreSQL: one connection, one transaction, four repositories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from app import errors, ports
from app.dispatcher import Dispatcher
from app.domain.events import Event
from app.oltp import outbox, violations
from app.oltp.financing_repository import FinancingRepository
from app.oltp.order_repository import OrderRepository
from app.oltp.outbox import Written
from app.oltp.repositories import CustomerRepository, ProductRepository


class SqlAlchemyUnitOfWork(ports.UnitOfWork):
    """`with SqlAlchemyUnitOfWork(engine) as uow: …; uow.commit()`; READ COMMITTED, rolled back unless committed."""

    products: ProductRepository
    customers: CustomerRepository
    orders: OrderRepository
    financings: FinancingRepository

    def __init__(self, engine: Engine, dispatcher: Dispatcher | None = None) -> None:
        """The dispatcher is told what happened, once it is committed."""
        self._engine, self._dispatcher = engine, dispatcher
        self._events: list[Event] = []
        self._connection: Connection | None = None
        self.products = ProductRepository(self._connected)
        self.customers = CustomerRepository(self._connected)
        self.orders = OrderRepository(self._connected)
        self.financings = FinancingRepository(self._connected)
        # In the order in which their rows refer to each other.
        self._all = (self.products, self.customers, self.orders, self.financings)

    def __enter__(self) -> Self:
        with violations.translated():
            self._connection = self._engine.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        self._events.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # rolls back what was not committed

    def preload(self, keys: ports.Keys) -> None:
        self.products.preload(keys.products)
        self.customers.preload(keys.customers)
        self.orders.preload(keys.orders)
        self.financings.preload(keys.financings)

    def flush(self) -> None:
        with violations.translated():
            for repository in self._all:
                repository.flush()
            self._announce([one for repository in self._all for one in repository.take_written()])

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.flush()
        before = len(self._events)
        with violations.translated(), self._connected().begin_nested():
            try:
                yield
                self.flush()
            except BaseException:
                del self._events[before:]
                self._forget()  # it may hold what the savepoint undoes; the next `get` reads again
                raise

    def commit(self) -> None:
        self.flush()
        with violations.translated():
            self._finish()
        events, self._events = self._events, []
        if self._dispatcher is not None:
            self._dispatcher.dispatch(events)

    def _finish(self) -> None:
        self._connected().commit()

    def _announce(self, written: Sequence[Written]) -> None:
        if written:
            self._events += [event for one in written for event in one.versioned()]
            outbox.write(self._connected(), written)

    def _forget(self) -> None:
        for repository in self._all:
            repository.forget()

    def _connected(self) -> Connection:
        if self._connection is None:
            raise errors.Bug("a unit of work is used outside its with block")
        # COPY goes past SQLAlchemy, which would then see nothing to commit.
        if not self._connection.in_transaction():
            self._connection.begin()
        return self._connection
