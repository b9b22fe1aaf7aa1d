"""What the commands need of the write side: repositories and one unit of work, without a database in sight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeVar
from uuid import UUID

from app.domain.customer import Customer
from app.domain.financing import Financing
from app.domain.order import Order
from app.domain.product import Product

A = TypeVar("A")


class Repository(Protocol[A]):
    """The aggregates of one kind, as if they were all in memory."""

    def get(self, aggregate_id: UUID) -> A:
        """The aggregate, always the same object within one unit of work.

        Raises the kind's not-found error, like `errors.OrderNotFound`.
        """
        ...

    def add(self, aggregate: A) -> None:
        """Take in a new one. Raises the kind's exists error for a known id, at once or when it is written."""
        ...


@dataclass(slots=True)
class Keys:
    """Which aggregates a batch of commands will ask for."""

    products: set[UUID] = field(default_factory=set)
    customers: set[UUID] = field(default_factory=set)
    orders: set[UUID] = field(default_factory=set)
    financings: set[UUID] = field(default_factory=set)


class UnitOfWork(ABC):
    """One transaction: everything written in it stands or falls together. Left without `commit` it rolls back."""

    products: Repository[Product]
    customers: Repository[Customer]
    orders: Repository[Order]
    financings: Repository[Financing]

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def preload(self, keys: Keys) -> None:
        """Read all these aggregates at once, so that `get` needs no round trip for each."""

    @abstractmethod
    def flush(self) -> None:
        """Write what changed, in batches, and stay in the transaction.

        Raises the domain error of a broken constraint, or `errors.ConcurrencyConflict`.
        """

    @abstractmethod
    def savepoint(self) -> AbstractContextManager[None]:
        """A part that is undone alone, in the database and in memory, when an error leaves it."""

    @abstractmethod
    def commit(self) -> None:
        """Flush and commit. Raises as `flush` does; then nothing was written."""


UnitOfWorkFactory = Callable[[], UnitOfWork]
