"""The unit of work on PostgreSQL: one connection, one transaction, four repositories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from app import errors, ports
from app.oltp import violations
from app.oltp.financing_repository import FinancingRepository
from app.oltp.order_repository import OrderRepository
from app.oltp.repositories import CustomerRepository, ProductRepository


class SqlAlchemyUnitOfWork(ports.UnitOfWork):
    """`with SqlAlchemyUnitOfWork(engine) as uow: …; uow.commit()`; READ COMMITTED, rolled back unless committed."""

    products: ProductRepository
    customers: CustomerRepository
    orders: OrderRepository
    financings: FinancingRepository

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
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

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.flush()
        with violations.translated(), self._connected().begin_nested():
            try:
                yield
                self.flush()
            except BaseException:
                self._forget()  # it may hold what the savepoint undoes; the next `get` reads again
                raise

    def commit(self) -> None:
        self.flush()
        with violations.translated():
            self._connected().commit()

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
