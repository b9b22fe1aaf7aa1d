"""Keeps a run's tables as they are from before its snapshot until the last row is read.

TRUNCATE and ALTER TABLE are not MVCC-safe: a snapshot taken before one sees an empty or a rewritten table after it. So
tables and views are locked (ACCESS SHARE) before the snapshot is taken, which LOCK itself doesn't do. PostgreSQL locks
no materialized view that way: it is locked by reading nothing of it at once after the snapshot, and looked at whether
it is still the one that the snapshot shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg

from app import errors, statements
from jobs import quoting
from jobs.source.connection import Connection

# What a second try waits for each table, after the first waited as long as [source] lock_timeout allows.
_SECOND_WAIT = "500ms"
# Gone since it was listed, or no longer what it was; the next listing knows better.
_MOVED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.WrongObjectType,
)
_HELD = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def take(conn: Connection, tables: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lock these quoted tables and views until the transaction ends: those that are locked, and those others hold.

    Takes no snapshot. In neither list are views whose owner may not read all of a table below them: LOCK asks for
    more than SELECT does. Raises `errors.SchemaMoving` where one is no longer there.
    """
    try:
        if tables:
            _lock(conn, tables)
        return list(tables), []
    except (*_HELD, psycopg.errors.InsufficientPrivilege):
        return _one_by_one(conn, tables)


def statement(tables: Sequence[str]) -> str:
    """Lock these quoted tables and views; in a transaction that has its snapshot, or needs none yet."""
    return f"LOCK TABLE {', '.join(tables)} IN ACCESS SHARE MODE"


def touch(table: str) -> str:
    """Read nothing of any relation, which locks it and all below it like LOCK does."""
    return f"SELECT FROM {table} WHERE false"


def _one_by_one(conn: Connection, tables: Sequence[str]) -> tuple[list[str], list[str]]:
    locked, held = [], []
    with _second_wait(conn):
        for table in tables:
            try:
                _lock(conn, [table])
                locked.append(table)
            except _HELD:
                held.append(table)
            except psycopg.errors.InsufficientPrivilege:
                continue
    return locked, held


@contextmanager
def _second_wait(conn: Connection) -> Iterator[None]:
    """Wait less for locks; afterwards as long as the session did, which is not what it came with. Takes no snapshot."""
    row = conn.execute(f"SHOW lock_timeout; SET LOCAL lock_timeout = '{_SECOND_WAIT}'").fetchone()
    yield
    assert row is not None
    conn.execute(f"SET LOCAL lock_timeout = {quoting.literal(row['lock_timeout'])}".encode())


def _lock(conn: Connection, tables: Sequence[str]) -> None:
    try:
        with conn.transaction():
            conn.execute(statement(tables).encode())
    except _MOVED as error:
        raise errors.SchemaMoving("a table is gone that was there a moment ago") from error


def held_by(conn: Connection, relid: int, name: str) -> errors.SourceTimeout:
    """The error for a table that somebody holds; says who, where that can be seen."""
    row = conn.execute(statements.get("catalogue", "holders"), {"relid": relid}).fetchone()
    who = f" by {row['who']}" if row and row["who"] else ""
    return errors.SourceTimeout(
        f"{name} is locked{who}", hint="it stays as it is published; end that transaction, or wait for the next run"
    )


def lock_late(conn: Connection, relations: Mapping[int, str]) -> tuple[list[str], list[int]]:
    """Lock, after the snapshot, relations that LOCK doesn't take, given by oid: those touched, and oids others hold.

    Raises `errors.SchemaMoving` where a materialized view among or below them is not the one that the snapshot shows.
    """
    touched: list[str] = []
    held: list[int] = []
    if not relations:
        return touched, held
    with _second_wait(conn):
        for relid, name in relations.items():
            try:
                with conn.transaction():
                    conn.execute(touch(name).encode())
                touched.append(name)
            except _HELD:
                held.append(relid)
            except psycopg.Error:
                # Gone, forbidden, not populated: whoever reads it is told so.
                continue
    if conn.execute(statements.get("catalogue", "refreshed"), {"relids": list(relations)}).fetchone():
        raise errors.SchemaMoving("a materialized view was refreshed at this moment")
    return touched, held
