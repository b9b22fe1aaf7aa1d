"""A value of the file as Python can hold it: by its own type where that is exact, else as PostgreSQL spells it.

DuckDB's client gives an interval as a number of days (a month is none), infinity as the year 9999, and cuts
nanoseconds. So a query's result passes once more through DuckDB, with these expressions: what Python's type can hold
keeps it, the rest becomes text. They are SQL, so that a COPY to another format may use them, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
from duckdb.sqltypes import DuckDBPyType

# Types whose values Python's may not hold, and those that hold others.
_PERHAPS = re.compile(r"DATE|TIME|INTERVAL|VARIANT|TYPE|MAP|UNION")
_NESTED_KEYS = ("list", "struct", "array", "map", "union", "variant")
_WITHIN = {
    "date": ("DATE", "0001-01-01", "9999-12-31"),
    "timestamp": ("TIMESTAMP", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
    "timestamp_s": ("TIMESTAMP_S", "0001-01-01 00:00:00", "9999-12-31 23:59:59"),
    "timestamp_ms": ("TIMESTAMP_MS", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999"),
    "timestamp with time zone": ("TIMESTAMPTZ", "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"),
}
# DuckDB writes (BC) behind the day, PostgreSQL BC behind everything.
_TEXT = r"regexp_replace(CAST({v} AS VARCHAR), '^(\S+) \(BC\)(.*)$', '\1\2 BC')"
# With its zone DuckDB rounds far times to another microsecond.
_TEXT_IN_UTC = (
    r"CASE WHEN isfinite({v}) THEN regexp_replace(CAST(make_timestamp(epoch_us({v})) AS VARCHAR) || '+00',"
    r" '^(\S+) \(BC\)(.*)$', '\1\2 BC') ELSE CAST({v} AS VARCHAR) END"
)
# PostgreSQL says mon, knows a singular of 1 alone, and writes a plus behind a negative part.
_INTERVAL = (
    r"regexp_replace(replace(regexp_replace(CAST({v} AS VARCHAR), '-1 (year|month|day)\b', '-1 \1s', 'g'),"
    r" 'month', 'mon'), '(-\d+ \w+ )(\d)', '\1+\2', 'g')"
)
# An offset's minutes and seconds are left out where they are 0.
_OFFSET = (
    "CASE WHEN date_part('timezone', {v}) < 0 THEN '-' ELSE '+' END || regexp_replace(printf('%02d:%02d:%02d',"
    " abs(date_part('timezone', {v})) // 3600, abs(date_part('timezone', {v})) // 60 % 60,"
    " abs(date_part('timezone', {v})) % 60), '(:00)+$', '')"
)
_TEXTS = {
    "interval": _INTERVAL,
    "variant": "CAST({v} AS VARCHAR)",
    "type": "CAST({v} AS VARCHAR)",
    "time_ns": "CAST({v} AS VARCHAR)",
}


def selected(columns: list[DuckDBPyType]) -> str | None:
    """What to select from a result whose columns are named c0, c1, …; None where Python can hold all of it as it is."""
    expressions = [_exact(kind, f"c{place}", 0) for place, kind in enumerate(columns)]
    if not any(expressions):
        return None
    return ", ".join(text or f"c{place}" for place, text in enumerate(expressions))


def may_be_inexact(kind: str) -> bool:
    """Whether a column of this DuckDB type, as text, has to be looked at."""
    return bool(_PERHAPS.search(kind))


def expression(kind: DuckDBPyType, value: str) -> str:
    """DuckDB's SQL for a value of this type in the form that Python can hold; `value` is the SQL that gives it."""
    return _exact(kind, value, 0) or value


def _exact(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    """As `expression`, or None where the value itself will do. `depth` numbers the variables of lambdas."""
    if kind.id in _WITHIN:
        return _within(*_WITHIN[kind.id], value)
    maker = _MAKERS.get(kind.id)
    return maker(kind, value, depth) if maker else None


def _within(name: str, first: str, last: str, value: str) -> str:
    """The value itself from the year 1 to 9999, else text: a column of both is a UNION to DuckDB."""
    text = (_TEXT_IN_UTC if name == "TIMESTAMPTZ" else _TEXT).replace("{v}", value)
    return _either(name, f"{value} BETWEEN {name} '{first}' AND {name} '{last}'", value, text)


def _either(name: str, condition: str, value: str, text: str) -> str:
    union = f"UNION(v {name}, t VARCHAR)"
    return (
        f"CASE WHEN {condition} THEN CAST(union_value(v := {value}) AS {union})"
        f" WHEN {value} IS NOT NULL THEN CAST(union_value(t := {text}) AS {union}) END"
    )


def _as_text(kind: DuckDBPyType, value: str, _depth: int) -> str:
    return _TEXTS[kind.id].replace("{v}", value)


def _in_microseconds(_kind: DuckDBPyType, value: str, _depth: int) -> str:
    """A time in nanoseconds as such, where they are whole microseconds; else text."""
    same = f"isfinite({value}) AND CAST(CAST({value} AS TIMESTAMP) AS TIMESTAMP_NS) = {value}"
    return _either("TIMESTAMP", same, f"CAST({value} AS TIMESTAMP)", f"CAST({value} AS VARCHAR)")


def _timetz(_kind: DuckDBPyType, value: str, _depth: int) -> str:
    """Python's day has no 24:00."""
    text = "'24:00:00' || " + _OFFSET.replace("{v}", value)
    return _either("TIMETZ", f"date_part('hour', {value}) < 24", value, text)


def _list(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    one = f"e{depth}"
    held = _children(kind)[0][1]
    inner = _exact(held, one, depth + 1)
    if inner is None:
        return None
    flat = f"CAST({value} AS {held}[])" if kind.id == "array" else value
    return f"list_transform({flat}, lambda {one}: {inner})"


def _struct(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    children = _children(kind)
    fields = [(name, f"struct_extract_at({value}, {place})") for place, (name, _) in enumerate(children, start=1)]
    values = [_exact(child, field, depth) for (_, child), (_, field) in zip(children, fields, strict=True)]
    if not any(values):
        return None
    parts = [
        f"{_identifier(name)} := {text or field}" if name else text or field
        for (name, field), text in zip(fields, values, strict=True)
    ]
    maker = "struct_pack" if children[0][0] else "row"
    return f"CASE WHEN {value} IS NOT NULL THEN {maker}({', '.join(parts)}) END"


def _map(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    """A map, or a list of its entries where a key is something that can't be one in Python."""
    (_, key), (_, held) = _children(kind)
    one = f"e{depth}"
    keys, values = (_exact(child, f"{one}.{name}", depth + 1) for name, child in (("key", key), ("value", held)))
    nested = key.id in _NESTED_KEYS
    if keys is None and values is None:
        return f"map_entries({value})" if nested else None
    pair = f"struct_pack(key := {keys or f'{one}.key'}, value := {values or f'{one}.value'})"
    entries = f"list_transform(map_entries({value}), lambda {one}: {pair})"
    return entries if nested else f"map_from_entries({entries})"


def _union(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    """As text, where a member can't be held as it is."""
    if all(_exact(child, value, depth) is None for _, child in _children(kind)):
        return None
    return f"CAST({value} AS VARCHAR)"


def _children(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """The types within a type, without its size, and without the tag of a union."""
    children = [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]
    return children[1:] if kind.id == "union" else children


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_MAKERS: dict[str, Callable[[DuckDBPyType, str, int], str | None]] = {
    "interval": _as_text,
    "variant": _as_text,
    "type": _as_text,
    "time with time zone": _timetz,
    "timestamp_ns": _in_microseconds,
    "time_ns": _as_text,
    "list": _list,
    "array": _list,
    "struct": _struct,
    "map": _map,
    "union": _union,
}


def types_of(connection: duckdb.DuckDBPyConnection, kinds: list[str], sql: str, given: object) -> list[DuckDBPyType]:
    """The types of a query's columns, read from their names; of one that can't be read, the query is asked."""
    try:
        return [connection.type(kind) for kind in kinds]
    except duckdb.Error:
        cursor = connection.execute(f"SELECT * FROM (\n{sql}\n) LIMIT 0", given)  # noqa: S608  it was judged
        return [column[1] for column in cursor.description or ()]
