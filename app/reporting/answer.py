"""A query's result, as Python's values: from a statement that was judged, on a session that is locked down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from app import errors, exact
from app.execution import Limits
from app.reporting.guard import Checked

Parameters = Sequence[object] | Mapping[str, object]
Row = tuple[Any, ...]

_BATCH = 10_000
_ZONED = "TIMESTAMP WITH TIME ZONE"
_REBUILD = "run `neaptide sync --full`: it sets the file aside and builds a new one"
# What the client raises besides DuckDB's own errors: for values that it can't take or give.
OF_THE_CLIENT = (OverflowError, ValueError, TypeError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class Answer:
    """What a query gave; names may be there twice, types are DuckDB's own of the columns as they were asked for."""

    names: list[str]
    types: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Begun:
    """A query whose rows are fetched as they are wanted, before the session is asked anything else."""

    names: list[str]
    types: tuple[str, ...]
    cursor: duckdb.DuckDBPyConnection


def ask(session: duckdb.DuckDBPyConnection, checked: Checked, params: Parameters, limits: Limits) -> Answer:
    """Run a statement. Raises `errors.QueryTooBig` for too many rows, and whatever DuckDB and its client raise."""
    begun = begin(session, checked, params)
    return Answer(begun.names, begun.types, _in_utc(_fetched(begun.cursor, limits), begun.types))


def begin(session: duckdb.DuckDBPyConnection, checked: Checked, params: Parameters) -> Begun:
    """Begin a statement."""
    if checked.plans:
        plan = session.execute(checked.text, params)
        names = [str(column[0]) for column in plan.description or ()]
        return Begun(names, ("VARCHAR",) * len(names), plan)
    columns = described(session, checked.text, params)
    types = tuple(column[1] for column in columns)
    cursor = session.execute(_selected(session, checked.text, types, params), params)
    return Begun([column[0] for column in columns], types, cursor)


def next_rows(begun: Begun, most: int) -> list[Row]:
    """At most so many more rows; none where that was all."""
    return _in_utc(begun.cursor.fetchmany(most), begun.types)


def described(session: duckdb.DuckDBPyConnection, text: str, params: Parameters) -> list[Row]:
    """The columns of a statement, each with its name and its type first."""
    try:
        return session.execute(f"DESCRIBE (\n{text}\n)", params).fetchall()
    except duckdb.Error as error:
        with suppress(duckdb.TransactionException):
            # The same error, with the number of the line that the person knows; unless that transaction is over.
            session.execute(text, params)
        raise error


def _selected(session: duckdb.DuckDBPyConnection, text: str, types: Sequence[str], params: Parameters) -> str:
    """The statement, or one around it that makes text of what Python can't hold."""
    if not any(map(exact.may_be_inexact, types)):
        return text
    selected = exact.selected(exact.types_of(session, list(types), text, params))
    if selected is None:
        return text
    names = ", ".join(f"c{place}" for place in range(len(types)))
    return f"SELECT {selected} FROM (\n{text}\n) AS q({names})"  # noqa: S608  a text that was judged


def _fetched(cursor: duckdb.DuckDBPyConnection, limits: Limits) -> list[Row]:
    """All rows, a batch at a time: while one is made into Python's values, no other thread gets to run.

    The first are small: a row may be as large as the memory that the query may have.
    """
    rows: list[Row] = []
    while batch := cursor.fetchmany(min(_BATCH, 4 * len(rows) + 1)):
        rows += batch
        if len(rows) > limits.max_rows:
            raise errors.QueryTooBig(
                f"the result has more than {limits.max_rows:,} rows",
                hint="ask for less, with a LIMIT for instance, or raise [query] max_rows",
            )
    return rows


def failure(error: Exception, limits: Limits) -> errors.NeaptideError:
    """The error of ours for one of DuckDB's or its client's."""
    text = str(error).strip() or type(error).__name__
    if "No space left" in text:
        return errors.DiskFull(text, hint="free some room on the disk: the query needs it for its intermediate results")
    if "max_temp_directory_size" in text:
        message = f"the query needs more temporary space than {limits.temp_limit}"
        return errors.QueryTooBig(message, hint="ask for less, or raise [query] temp_limit")
    if isinstance(error, MemoryError) or "Out of Memory" in text:
        message = f"the query needs more memory than {limits.memory_limit}"
        return errors.QueryTooBig(message, hint="ask for less, or raise [query] memory_limit")
    # No other file can be reached, so an I/O error is one of this file.
    if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.SerializationException):
        return errors.TargetUnusable(f"the reporting file is damaged: {text}", hint=_REBUILD)
    return errors.QueryFailed(text)


def _in_utc(rows: list[Row], types: Sequence[str]) -> list[Row]:
    """Give times with a zone the standard library's UTC: DuckDB's come with a zone of pytz."""
    places = {place for place, kind in enumerate(types) if _ZONED in kind}
    if not places:
        return rows
    return [tuple(_utc(value) if place in places else value for place, value in enumerate(row)) for row in rows]


def _utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, list | tuple):
        return type(value)(map(_utc, value))
    if isinstance(value, dict):
        return {_utc(key): _utc(one) for key, one in value.items()}
    return value
