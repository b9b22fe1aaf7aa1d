"""The Online Retail file: its lines, invoice by invoice, in the order of their dates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb

from app import errors, statements

_LONDON = ZoneInfo("Europe/London")
_CHUNK = 5_000
_COLUMNS = {
    "invoice_no", "stock_code", "description", "quantity", "invoice_date", "unit_price", "customer_id", "country",
}  # fmt: skip


class Line(NamedTuple):
    """One line of the file. `line_no` counts its rows from 1; `price` has up to three decimals."""

    line_no: int
    sku: str | None
    description: str | None
    quantity: int | None
    price: Decimal | None


@dataclass(frozen=True)
class Invoice:
    """One invoice: `at` is its first line's time, in UTC; `customer` is None where the file names nobody."""

    number: str
    at: datetime
    customer: str | None
    country: str
    lines: tuple[Line, ...]

    @property
    def is_return(self) -> bool:
        return self.number.startswith("C")


class RetailFile:
    """An open file. `limit` takes only its first rows, for tests."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection, limit: int | None) -> None:
        self._connection = connection
        self._bound = {"path": str(path), "limit": limit if limit is not None else 2**62}
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.source = f"retail:{digest}" + ("" if limit is None else f":{limit}")

    def count(self) -> int:
        """How many rows there are."""
        row = self._connection.execute(statements.get("demo/retail", "count"), self._bound).fetchone()
        return int(row[0]) if row else 0

    def returned(self) -> set[tuple[str, str, Decimal]]:
        """Customer, SKU and price of everything that is ever returned."""
        return set(self._connection.execute(statements.get("demo/retail", "returned"), self._bound).fetchall())

    def invoices(self) -> Iterator[Invoice]:
        """All invoices, oldest first; equal dates in the order of the file."""
        cursor = self._connection.cursor()
        cursor.execute(statements.get("demo/retail", "lines"), self._bound)
        for number, rows in groupby(_rows(cursor), key=itemgetter(0)):
            yield _invoice(number, list(rows))


@contextmanager
def open_file(path: Path, limit: int | None = None) -> Iterator[RetailFile]:
    """Open the Parquet file. Raises `errors.UsageError` where it is none, or not this one's columns."""
    connection = duckdb.connect(config={"memory_limit": "150MB", "threads": 1, "preserve_insertion_order": False})
    try:
        _check(path, connection)
        yield RetailFile(path, connection, limit)
    finally:
        connection.close()


def _check(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    if not path.is_file():
        raise errors.UsageError(f"there is no file {path}", hint="give the Parquet file with --data FILE.parquet")
    try:
        described = connection.execute(statements.get("demo/retail", "columns"), {"path": str(path)}).fetchall()
    except duckdb.Error as error:
        raise errors.UsageError(f"{path} is no Parquet file that can be read: {error}") from error
    missing = sorted(_COLUMNS - {str(name) for (name,) in described})
    if missing:
        raise errors.UsageError(f"{path} lacks the columns {', '.join(missing)}", hint="it must be Online Retail's")


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_CHUNK):
        yield from rows


def _invoice(number: str, rows: list[tuple[Any, ...]]) -> Invoice:
    """The first row says when, who and where; in the file all rows of an invoice agree on customer and country."""
    _, local, customer, country = rows[0][:4]
    moment = local.replace(tzinfo=_LONDON).astimezone(UTC)
    return Invoice(number, moment, customer, country, tuple(Line(*row[4:]) for row in rows))
