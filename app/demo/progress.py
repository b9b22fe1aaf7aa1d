"""How far an import has come, written in the transaction that brings its orders in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Numeric, Table, Text, TextClause, text

from app import errors, statements
from app.oltp import bulk, violations
from app.oltp.uow import SqlAlchemyUnitOfWork
from app.ports import Keys

T = TypeVar("T")
ATTEMPTS = 5

_VERDICTS = Table(
    "import_verdicts",
    MetaData(schema="shop"),
    Column("import_id", Integer, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("verdict", Text),
    Column("amount", Numeric(24, 3)),
)


class Import(NamedTuple):
    """One source; `done` counts its orders or invoices that are in."""

    id: int
    done: int


class Verdict(NamedTuple):
    """What became of a line: `accepted`, or the rule it broke. `amount` is quantity x price as in the file."""

    line_no: int
    verdict: str
    amount: Decimal | None


class Total(NamedTuple):
    """All lines with one verdict."""

    verdict: str
    lines: int
    amount: Decimal


class Log:
    """The tables `shop.imports` and `shop.import_verdicts`, on the connection of a unit of work."""

    def __init__(self, connection: Callable[[], Connection]) -> None:
        self._connection = connection

    def begin(self, source: str) -> Import:
        """The import of this source, new or as far as it came."""
        self._connection().execute(_sql("register"), {"source": source})
        row = self._connection().execute(_sql("find"), {"source": source}).one()
        return Import(row.id, row.done)

    def advance(self, import_id: int, expected: int, done: int) -> None:
        """Note the step from `expected` to `done`. Raises `errors.LockHeld` where another process took it."""
        values = {"id": import_id, "expected": expected, "done": done}
        if self._connection().execute(_sql("advance"), values).rowcount != 1:
            raise errors.LockHeld(
                "another process imports the same orders", hint="wait until it is done, then run this again"
            )

    def record(self, import_id: int, verdicts: Iterable[Verdict]) -> None:
        """Keep what became of these lines."""
        bulk.insert(self._connection(), _VERDICTS, [(import_id, *verdict) for verdict in verdicts])

    def rejected(self, import_id: int) -> set[int]:
        """The numbers of the lines that were not accepted."""
        return set(self._connection().execute(_sql("rejected"), {"id": import_id}).scalars())

    def summary(self, import_id: int) -> list[Total]:
        """Lines and amounts by verdict, the accepted ones first."""
        return [Total(*row) for row in self._connection().execute(_sql("summary"), {"id": import_id})]

    def products(self) -> dict[str, UUID]:
        """The ids of the products that are there, by SKU."""
        return {row.sku: row.id for row in self._connection().execute(_sql("products"))}

    def customers(self) -> dict[str, tuple[UUID, str]]:
        """The ids and countries of the customers that are there, by reference."""
        return {row.reference: (row.id, row.country) for row in self._connection().execute(_sql("customers"))}


class Intake(SqlAlchemyUnitOfWork):
    """A unit of work that also keeps how far an import has come."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.log = Log(self._connected)


def transact(engine: Engine, keys: Keys, work: Callable[[Intake], T]) -> T:
    """Do the work in one transaction with these aggregates read before, again if somebody else was faster.

    `work` may run several times, each time on a fresh unit of work.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with Intake(engine) as uow, violations.translated():
                uow.preload(keys)
                result = work(uow)
                uow.commit()
                return result
        except errors.ConcurrencyConflict:
            if attempt == ATTEMPTS:
                raise
    raise errors.Bug


def _sql(name: str) -> TextClause:
    return text(statements.get("demo/imports", name))
