"""Repositories: aggregates read once, changed in memory, written in batches.

The identity map holds one object per id, or None for an id known to be absent. What changed is found by comparing
the row an aggregate would have now with the row it had when read; its `version` in the UPDATE's WHERE makes a
change by another transaction show as a row that is not found.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, Table

from app.domain import errors
from app.domain.customer import Address, Customer
from app.domain.events import Event
from app.domain.money import Money
from app.domain.product import Product
from app.oltp import bulk, outbox, tables, violations
from app.oltp.outbox import Keys, Written


class Aggregate(Protocol):
    """What every aggregate has."""

    id: UUID
    events: list[Event]


class Versioned(Aggregate, Protocol):
    """An aggregate that changes."""

    version: int


A = TypeVar("A", bound=Aggregate)
V = TypeVar("V", bound=Versioned)


class SqlRepository(ABC, Generic[A]):
    """The aggregates of one table and what belongs to them. `connection` gives the transaction's connection."""

    table: ClassVar[Table]
    not_found: ClassVar[type[errors.DomainError]]
    exists: ClassVar[type[errors.DomainError]]

    def __init__(self, connection: Callable[[], Connection]) -> None:
        self._connection = connection
        self._known: dict[UUID, A | None] = {}
        self._new: list[A] = []
        self._written: list[Written] = []

    def get(self, aggregate_id: UUID) -> A:
        """The aggregate with this id, the same object each time. Raises the kind's not-found error."""
        if aggregate_id not in self._known:
            self.preload([aggregate_id])
        aggregate = self._known[aggregate_id]
        if aggregate is None:
            raise self.not_found(f"there is no {_noun(self.table)} {aggregate_id}", id=aggregate_id)
        return aggregate

    def add(self, aggregate: A) -> None:
        """Take in a new aggregate; one that exists unread is found out by `flush`. Raises the exists error."""
        if self._known.get(aggregate.id) is not None:
            raise self.exists(f"there is a {_noun(self.table)} {aggregate.id} already", id=aggregate.id)
        self._known[aggregate.id] = aggregate
        self._new.append(aggregate)

    def preload(self, ids: Iterable[UUID]) -> None:
        """Read those not known yet, all at once."""
        missing = [aggregate_id for aggregate_id in ids if aggregate_id not in self._known]
        if missing:
            with violations.translated():
                aggregates = self._read(missing)
            self._known.update(dict.fromkeys(missing))
            self._known.update({aggregate.id: aggregate for aggregate in aggregates})

    def forget(self) -> None:
        """Drop everything read and not written."""
        self._known.clear()
        self._new.clear()
        self._written.clear()

    def flush(self) -> None:
        """Write what is new or changed; afterwards memory and transaction agree."""
        new, self._new = self._new, []
        if new:
            self._insert(new)
            self._note(new)

    def take_written(self) -> list[Written]:
        """What was written since it was last asked."""
        written, self._written = self._written, []
        return written

    def _note(self, aggregates: Iterable[A]) -> None:
        for aggregate in aggregates:
            version = getattr(aggregate, "version", 1)
            keys, events = self._keys(aggregate), tuple(aggregate.events)
            self._written.append(Written(_noun(self.table), aggregate.id, version, keys, events))
            aggregate.events.clear()

    def _keys(self, aggregate: A) -> Keys:
        """Of the rows that were written of it."""
        return {outbox.named(self.table): [[str(aggregate.id)]]}

    @abstractmethod
    def _read(self, ids: Sequence[UUID]) -> list[A]: ...

    @abstractmethod
    def _insert(self, aggregates: Sequence[A]) -> None: ...


class VersionedRepository(SqlRepository[V]):
    """A repository of aggregates that change, under optimistic locking by `version`."""

    def __init__(self, connection: Callable[[], Connection]) -> None:
        super().__init__(connection)
        self._rows: dict[UUID, tuple[Any, ...]] = {}

    def forget(self) -> None:
        super().forget()
        self._rows.clear()

    def flush(self) -> None:
        # In the order of the ids: two transactions that change the same rows then wait instead of deadlocking.
        changed = sorted(self._changed(), key=lambda aggregate: aggregate.id)
        super().flush()
        if changed:
            self._update(changed)
            for aggregate in changed:
                aggregate.version += 1
                self._remember(aggregate)
            self._note(changed)

    def _insert(self, aggregates: Sequence[V]) -> None:
        bulk.insert(self._connection(), self.table, [self._row(aggregate) for aggregate in aggregates])
        for aggregate in aggregates:
            self._remember(aggregate)

    def _update(self, aggregates: Sequence[V]) -> None:
        bulk.update(self._connection(), self.table, ("id", "version"), [self._change(one) for one in aggregates])

    def _changed(self) -> list[V]:
        known = (self._known[aggregate_id] for aggregate_id in self._rows)
        return [aggregate for aggregate in known if aggregate is not None and self._is_changed(aggregate)]

    def _is_changed(self, aggregate: V) -> bool:
        return self._row(aggregate) != self._rows[aggregate.id]

    def _remember(self, aggregate: V) -> V:
        self._rows[aggregate.id] = self._row(aggregate)
        return aggregate

    def _change(self, aggregate: V) -> dict[str, Any]:
        row = dict(zip(self.table.columns.keys(), self._row(aggregate), strict=True))
        return {**row, "version": aggregate.version + 1, "old_id": row.pop("id"), "old_version": aggregate.version}

    @abstractmethod
    def _row(self, aggregate: V) -> tuple[Any, ...]: ...


class ProductRepository(VersionedRepository[Product]):
    """Products."""

    table = tables.products
    not_found = errors.ProductNotFound
    exists = errors.ProductExists

    def _read(self, ids: Sequence[UUID]) -> list[Product]:
        rows = bulk.fetch(self._connection(), self.table, "id", ids)
        return [self._remember(_product(row)) for row in rows]

    def _row(self, product: Product) -> tuple[Any, ...]:
        price = product.unit_price
        return product.id, product.sku, product.name, price.amount, price.currency, product.status, product.version


class CustomerRepository(VersionedRepository[Customer]):
    """Customers."""

    table = tables.customers
    not_found = errors.CustomerNotFound
    exists = errors.CustomerExists

    def _read(self, ids: Sequence[UUID]) -> list[Customer]:
        rows = bulk.fetch(self._connection(), self.table, "id", ids)
        return [self._remember(_customer(row)) for row in rows]

    def _row(self, customer: Customer) -> tuple[Any, ...]:
        home = customer.address
        place = (home.street, home.city, home.postal_code, home.country)
        return customer.id, customer.reference, customer.name, *place, customer.version


def _product(row: Row[Any]) -> Product:
    return Product(row.id, row.sku, row.name, Money(row.unit_price, row.currency), row.status, row.version)


def _customer(row: Row[Any]) -> Customer:
    address = Address(country=row.country, street=row.street, city=row.city, postal_code=row.postal_code)
    return Customer(row.id, row.reference, row.name, address, row.version)


def _noun(table: Table) -> str:
    return table.name.removesuffix("s")
