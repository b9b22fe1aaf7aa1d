"""What Spark answers, on its way back: numbers and texts that hold every value, then DuckDB's own types again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb

from app.spark import forms

_NAME = "answer"
_BATCH = 20_000


def carried(kinds: Sequence[str], sql: str, most: int) -> str:
    """The statement whose rows can be handed to Python; at most so many and one more."""
    listed = ", ".join(f"{_carrier(kind).replace('{k}', f'k{n}')} AS k{n}" for n, kind in enumerate(kinds))
    return f"SELECT {listed} FROM ({sql}) LIMIT {most + 1}"


def _carrier(kind: str) -> str:
    if kind == "DATE":
        return "unix_date({k})"
    if forms.is_moment(kind):
        return "unix_micros(CAST({k} AS TIMESTAMP))"
    if kind == "HUGEINT" or kind.startswith("DECIMAL("):
        return "CAST({k} AS STRING)"
    # As a number NaN would be NULL on its way through DuckDB's client.
    return "CAST(CAST({k} AS DOUBLE) AS STRING)" if kind in ("DOUBLE", "FLOAT") else "{k}"


def stored(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], kinds: Sequence[str], rows: Sequence[Any]
) -> str:
    """Put the rows into a table of DuckDB's; returns the statement that reads them, in their order."""
    listed = ", ".join(f"c{n} {kind}" for n, kind in enumerate(kinds))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_NAME} ({listed})")
    expressions = ", ".join(_restored(kind).replace("{v}", f"u{n}") for n, kind in enumerate(kinds))
    unnested = ", ".join(f"unnest($v{n}::{_held(kind)}[]) AS u{n}" for n, kind in enumerate(kinds))
    for start in range(0, len(rows), _BATCH):
        columns = zip(*rows[start : start + _BATCH], strict=True)
        given = {f"v{n}": [_plain(value) for value in column] for n, column in enumerate(columns)}
        connection.execute(f"INSERT INTO {_NAME} SELECT {expressions} FROM (SELECT {unnested})", given)
    shown = ", ".join(f"c{n} AS {_quoted(name)}" for n, name in enumerate(names))
    return f"SELECT {shown} FROM {_NAME}"


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytearray) else value


def _held(kind: str) -> str:
    """The type of what comes back."""
    if kind == "DATE":
        return "INTEGER"
    if forms.is_moment(kind):
        return "BIGINT"
    return "VARCHAR" if re.match(r"HUGEINT|DECIMAL|UUID|JSON|DOUBLE|FLOAT", kind) else kind


def _restored(kind: str) -> str:
    if kind == "DATE":
        return _infinite("DATE", forms.LAST_DAY, "DATE '1970-01-01' + {v}")
    if kind == "TIMESTAMP":
        return _infinite(kind, forms.LAST_MICROSECOND, "make_timestamp({v})")
    if kind == forms.ZONED:
        return _infinite(kind, forms.LAST_MICROSECOND, "make_timestamptz({v})")
    return f"CAST({{v}} AS {kind})"


def _infinite(kind: str, last: int, otherwise: str) -> str:
    ends = "".join(f" WHEN {sign}{last} THEN CAST('{sign}infinity' AS {kind})" for sign in ("", "-"))
    return f"CASE {{v}}{ends} ELSE {otherwise} END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
