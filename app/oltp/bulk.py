"""Many rows in one go: new ones by COPY, changed ones by one statement sent many times in a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import ARRAY, Connection, Row, Select, Table, Uuid, any_, bindparam, select

from app import errors

_TYPES = {"UUID": "uuid", "TEXT": "text", "INTEGER": "int4", "NUMERIC": "numeric", "DATE": "date"}


def insert(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """COPY new rows, values in the order of the table's columns; a key that exists is refused as by INSERT."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # engine.create sees to it
    with driver.cursor() as cursor, cursor.copy(_copy(table)) as copy:
        copy.set_types(_types(table))
        for row in rows:
            copy.write_row(row)


def fetch(connection: Connection, table: Table, column: str, ids: Iterable[UUID]) -> Sequence[Row[Any]]:
    """All rows whose `column` is one of `ids`, in the order of the primary key; the ids are one array."""
    return connection.execute(_by_ids(table, column), {"ids": list(ids)}).all()


def update(connection: Connection, table: Table, match: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Set the other columns of the rows where those of `match` are equal.

    Each of `rows` holds the matched columns under `old_<name>`. Raises `errors.ConcurrencyConflict` unless each
    finds exactly its row: another transaction changed it since it was read.
    """
    if not rows:
        return
    where = [table.c[name] == bindparam(f"old_{name}", type_=table.c[name].type) for name in match]
    changed = {name: bindparam(name, type_=table.c[name].type) for name in rows[0] if not name.startswith("old_")}
    done = connection.execute(table.update().where(*where).values(changed), rows)
    if done.rowcount != len(rows):
        raise errors.ConcurrencyConflict


def delete(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Delete the rows with these primary keys."""
    if rows:
        where = [column == bindparam(column.name, type_=column.type) for column in table.primary_key]
        connection.execute(table.delete().where(*where), rows)


@cache
def _by_ids(table: Table, column: str) -> Select[Any]:
    ids = bindparam("ids", type_=ARRAY(Uuid))
    return select(table).where(table.c[column] == any_(ids)).order_by(*table.primary_key)


@cache
def _copy(table: Table) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table.schema or "public", table.name),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
    )


@cache
def _types(table: Table) -> list[str]:
    """The columns' types as the binary COPY needs them."""
    return [_TYPES.get(type(column.type).__name__.upper(), "timestamptz") for column in table.columns]
