"""The transactional outbox: the events of a unit of work, written in its own transaction.

Each row also tells which rows of which tables were written with it. The keys come from the repositories, which wrote
them, so no event can forget one; where an aggregate was written that told of nothing, a row without a payload does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import Connection, Table, text

from app import statements
from app.domain.events import Event

# Table, by its name in the source, and the primary keys of the rows that were written.
Keys = dict[str, list[list[str]]]


class Written(NamedTuple):
    """One aggregate as it was written: its version now, the keys of its rows, and what happened to it."""

    aggregate: str
    key: UUID
    version: int
    keys: Keys
    events: Sequence[Event]

    def versioned(self) -> list[Event]:
        """Its events, each with the version that it led to."""
        return [replace(event, version=self.version) for event in self.events]


def named(table: Table) -> str:
    """The table's name as the outbox has it."""
    return f"{table.schema}.{table.name}"


def write(connection: Connection, written: Iterable[Written]) -> None:
    """Add their events to the outbox; nothing where the source has none."""
    if not connection.scalar(text(statements.get("outbox", "is_there"))):
        return
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # engine.create sees to it
    with driver.cursor() as cursor, cursor.copy(statements.get("outbox", "write").encode()) as copy:
        for one in written:
            for row in _rows(one):
                copy.write_row(row)


def _rows(written: Written) -> Iterator[tuple[Any, ...]]:
    """The last event of an aggregate bears the keys: all of them are in the same transaction."""
    *earlier, last = [_as_row(event) for event in written.versioned()] or [_silent(written)]
    about = (written.aggregate, str(written.key), written.version)
    for name, payload, at in earlier:
        yield uuid4(), name, *about, "{}", payload, at
    name, payload, at = last
    yield uuid4(), name, *about, json.dumps(written.keys), payload, at


def _as_row(event: Event) -> tuple[str, str, datetime]:
    return event.name, json.dumps(event.payload()), event.at or datetime.now(UTC)


def _silent(written: Written) -> tuple[str, str, datetime]:
    return f"{written.aggregate.capitalize()}Changed", "{}", datetime.now(UTC)
