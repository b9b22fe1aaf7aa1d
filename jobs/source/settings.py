"""A session with PostgreSQL whose settings are certain, whoever stands between it and the server.

They are set after the login. In the packet that begins a connection they are of no use behind a pooler, which refuses
them or leaves them out, and anybody who listens on the server's port reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, NoReturn

import psycopg
from psycopg.rows import dict_row

from app import errors, statements
from jobs import quoting
from jobs.source.patience import Impatient

# A session, as whoever only asks it something sees it.
Connection = psycopg.Connection[dict[str, Any]]
# Settings whose value is a list of names, each of which is quoted by itself.
_LISTS = ("search_path",)


class Session(Impatient):
    """A connection that knows which of the server's processes answers it, see `adopt`, and if it was open to views."""

    backend: int = 0
    spoiled: bool = False


def adopt(conn: Session, wanted: Mapping[str, str], another: Callable[[], Session]) -> None:
    """Give the session these settings, as far as the server's version knows them, in one round trip.

    Behind a pooler it is looked first, with `another` connection, whether the session is one: settings that were left
    on a server process that others share would be theirs. Raises `errors.ConfigError` where it isn't.
    """
    adopted = _adopted(conn, wanted, conn.info.backend_pid)
    if adopted is None:
        # A pooler makes up the number that a client is told at its login.
        conn.backend = _backend_alone(conn, another)
        adopted = _adopted(conn, wanted, conn.backend)
        if adopted is None or _held(conn, adopted) != adopted:
            _refuse()
    else:
        conn.backend = conn.info.backend_pid


def check(conn: psycopg.Connection[Any], backend: int) -> None:
    """Raise `errors.ConfigError` where a statement was answered by another process than the session's own."""
    if isinstance(conn, Session) and conn.backend != backend:
        _refuse()


def known(wanted: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of these settings that a server knows, which names them in spellings of its own."""
    there = {name.lower() for name in names}
    return {name: value for name, value in wanted.items() if name in there}


_RESTRICTION = "restrict_nonsystem_relation_kind"


def open_to_views(wanted: Mapping[str, str]) -> dict[str, str]:
    """These settings for a session that reads views, too."""
    return {**wanted, _RESTRICTION: ""}


def let_views(conn: psycopg.Connection[Any]) -> None:
    """Let the open transaction read views, where the server knows to keep it from that.

    A function of a view can leave other settings behind.
    """
    conn.execute(statements.get("session", "let_views"), {"name": _RESTRICTION})
    if isinstance(conn, Session):
        conn.spoiled = True


def renew(conn: Session, wanted: Mapping[str, str], another: Callable[[], Session]) -> None:
    """Make a session that was open to views one as it was when it was new."""
    if conn.spoiled:
        conn.execute(statements.get("session", "renew"))
        adopt(conn, wanted, another)
        conn.spoiled = False


def statement(wanted: Mapping[str, str], *, local: bool = False) -> str:
    """SET for these settings. Unlike a call of set_config it may come before a snapshot is joined."""
    return "; ".join(
        f"SET {'LOCAL ' if local else ''}{name} TO {_value(name, value)}" for name, value in wanted.items()
    )


def _value(name: str, value: str) -> str:
    parts = value.split(", ") if name in _LISTS else [value]
    return ", ".join(quoting.literal(part) for part in parts)


def _adopted(conn: Session, wanted: Mapping[str, str], backend: int) -> dict[str, str] | None:
    """The settings as the server spells them; None where another process answered, which then has none of them."""
    given = {"names": list(wanted), "values": list(wanted.values()), "backend": backend}
    row = _row(conn, "adopt", given)
    return row["adopted"] if row["backend"] == backend else None


def _held(conn: Session, adopted: Mapping[str, str]) -> dict[str, str] | None:
    """What the session has of these settings now; None where another process answered."""
    row = _row(conn, "held", {"names": list(adopted)})
    return row["held"] if row["backend"] == conn.backend else None


def _backend_alone(conn: Session, another: Callable[[], Session]) -> int:
    """The process that answers, and nobody but, for as long as the session lasts.

    With transaction pooling a process that has just answered is free: it answers the next transaction, of whomever.
    So it, or the one that is free after it, turns up in `another` connection while this one is still open.
    """
    mine = {_backend(conn) for _ in range(3)}
    with closing(another()) as other, other.transaction():
        if _backend(other) in mine:
            _refuse()
        mine.add(_backend(conn))
    if len(mine) > 1:
        _refuse()
    return mine.pop()


def _backend(conn: Session) -> int:
    return int(_row(conn, "backend", {})["backend"])


def _row(conn: Session, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        # Not prepared: with transaction pooling the next process would not know it.
        row = cursor.execute(statements.get("session", name), given, prepare=False).fetchone()
    assert row is not None
    return row


def _refuse() -> NoReturn:
    raise errors.ConfigError(
        "[source] url leads to a pooler that does transaction pooling: two statements of one session are answered by"
        " two processes of the server",
        hint="name the server itself, or a port of the pooler with session pooling (pgbouncer: pool_mode = session)",
    )
