"""A query's result as a Parquet file, which DuckDB writes itself: values as they are, rows one after the other.

Parquet has no type for some of DuckDB's, and DuckDB's writer then makes do with a lesser one: a number of 128 bits
becomes a double, an interval loses microseconds, a time its offset. Such a column is written as a type that holds its
values: whole numbers as decimals of 38 digits, the rest as text. Infinity has no value in Parquet, and other readers
would find the year 294247 in its place, so it is refused, and so is a number of more digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
from duckdb.sqltypes import DuckDBPyType

from app import exact
from app.reporting import answer
from app.reporting.guard import Checked

_WHOLE = ("hugeint", "uhugeint")
_AS_TEXT = ("interval", "time with time zone", "time_ns", "union", "variant", "bit", "bignum", "type")
_PERHAPS_INFINITE = ("date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone")


def write(
    session: duckdb.DuckDBPyConnection,
    checked: Checked,
    params: answer.Parameters,
    names: Sequence[str],
    kinds: Sequence[DuckDBPyType],
    *,
    path: Path,
    as_of: datetime,
) -> int:
    """Run a statement that was judged into a file that the session may write; returns the number of rows.

    The file says in its metadata as of when it is, under the key `as_of`.
    """
    places = [f"c{place}" for place in range(len(names))]
    columns = [
        f"{_value(kind, place, name)} AS {_quoted(name)}"
        for kind, place, name in zip(kinds, places, names, strict=True)
    ]
    query = f"SELECT {', '.join(columns)} FROM (\n{checked.text}\n) AS q({', '.join(places)})"  # noqa: S608  it was judged
    options = f"FORMAT parquet, USE_TMP_FILE false, KV_METADATA {{as_of: '{as_of.isoformat()}'}}"
    row = session.execute(f"COPY ({query}) TO {_literal(str(path))} ({options})", params).fetchone()
    return int(row[0]) if row else 0


def _value(kind: DuckDBPyType, value: str, name: str) -> str:
    """SQL for a column in a type that Parquet has."""
    if kind.id == "interval":
        return exact.expression(kind, value)
    if kind.id in _PERHAPS_INFINITE:
        message = f"{name} holds infinity, which Parquet has no value for: select it as text, {_quoted(name)}::VARCHAR"
        return f"CASE WHEN isfinite({value}) OR {value} IS NULL THEN {value} ELSE error({_literal(message)}) END"
    stored = _stored(kind)
    return f"CAST({value} AS {stored})" if stored else value


def _stored(kind: DuckDBPyType) -> str | None:
    """The type that a value is written as; None where that is its own."""
    if kind.id in _WHOLE:
        return "DECIMAL(38, 0)"
    if kind.id in _AS_TEXT:
        return "VARCHAR"
    maker = _NESTED.get(kind.id)
    if maker is None:
        return None
    held = [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]
    types = [_stored(child) for _, child in held]
    if not any(types):
        return None
    return maker([(name, text or str(child)) for (name, child), text in zip(held, types, strict=True)])


def _struct(held: Iterable[tuple[str, str]]) -> str:
    """One of unnamed fields is a text: there is no such type to cast to."""
    fields = [(name, kind) for name, kind in held if name]
    return f"STRUCT({', '.join(f'{_quoted(name)} {kind}' for name, kind in fields)})" if fields else "VARCHAR"


def _list(held: Sequence[tuple[str, str]]) -> str:
    return f"{held[0][1]}[]"


def _map(held: Sequence[tuple[str, str]]) -> str:
    return f"MAP({held[0][1]}, {held[1][1]})"


_NESTED = {"list": _list, "array": _list, "struct": _struct, "map": _map}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
