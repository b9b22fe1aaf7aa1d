"""DuckDB's types in Spark, and what becomes of a value that changes its type: exact, or not at all.

All texts are Spark's SQL. A value that can't be carried over raises an error in Spark, where the row is met.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ZONED = "TIMESTAMP WITH TIME ZONE"
_SIZES = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38}
_PLAIN = {
    "BOOLEAN": "BOOLEAN", "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INTEGER": "INT", "BIGINT": "BIGINT",
    "HUGEINT": "DECIMAL(38,0)", "FLOAT": "FLOAT", "DOUBLE": "DOUBLE", "VARCHAR": "STRING", "JSON": "STRING",
    "UUID": "STRING", "BLOB": "BINARY", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP_NTZ", ZONED: "TIMESTAMP",
    "NULL": "VOID",
}  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
# What DuckDB keeps infinity as: a number of days, and of microseconds.
LAST_DAY, LAST_MICROSECOND = 2**31 - 1, 2**63 - 1
# Every whole number up to here is a DOUBLE.
_EXACT = 2**53
_CALENDAR = {
    "DATE": ("DATE'0001-01-01'", "DATE'9999-12-31'"),
    "TIMESTAMP": ("TIMESTAMP_NTZ'0001-01-01 00:00:00'", "TIMESTAMP_NTZ'9999-12-31 23:59:59.999999'"),
    ZONED: ("TIMESTAMP'0001-01-01 00:00:00+00:00'", "TIMESTAMP'9999-12-31 23:59:59.999999+00:00'"),
}


@dataclass(frozen=True)
class Typed:
    """An expression in Spark's SQL, with DuckDB's type of it."""

    sql: str
    type: str


def spark(kind: str) -> str | None:
    """Spark's type for one of DuckDB's; None where it has none that holds the same values."""
    if decimal := _DECIMAL.fullmatch(kind):
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    if kind.endswith("[]"):
        inner = spark(kind.removesuffix("[]"))
        return inner and f"ARRAY<{inner}>"
    return _PLAIN.get(kind)


def is_whole(kind: str) -> bool:
    """Whether it is a type of whole numbers."""
    return kind in _SIZES


def is_exact(kind: str) -> bool:
    """Whether it is a type of whole numbers or of decimals."""
    return is_whole(kind) or kind.startswith("DECIMAL(")


def is_moment(kind: str) -> bool:
    """Whether it is a type of moments."""
    return kind in ("TIMESTAMP", ZONED)


def size(kind: str) -> tuple[int, int]:
    """How many digits a number of this type may have before and behind its point."""
    if decimal := _DECIMAL.fullmatch(kind):
        return int(decimal[1]) - int(decimal[2]), int(decimal[2])
    return _SIZES[kind], 0


def null(kind: str) -> str:
    return f"CAST(NULL AS {spark(kind)})"


def constant(kind: str, value: Any) -> str | None:
    """A value in the form that the oracle hands out as Spark's literal; None where there is none."""
    if value is None:
        return null(kind) if spark(kind) else None
    if kind.endswith("[]"):
        inner = [constant(kind.removesuffix("[]"), one) for one in value]
        return f"array({', '.join(map(str, inner))})" if inner and None not in inner else None
    if kind == "DATE":
        return f"date_from_unix_date({value})"
    if is_moment(kind):
        moment = f"timestamp_micros({value})"
        return moment if kind == ZONED else f"CAST({moment} AS TIMESTAMP_NTZ)"
    if kind == "BOOLEAN":
        return "TRUE" if value else "FALSE"
    if kind == "BLOB":
        return f"X'{bytes(value).hex()}'"
    if kind in ("VARCHAR", "UUID", "JSON"):
        return text(str(value))
    return f"CAST('{value}' AS {spark(kind)})" if spark(kind) else None


def text(value: str) -> str:
    """A text as Spark's literal: in it a backslash would mean something, and so would what looks like a variable."""
    if re.fullmatch(r"[A-Za-z0-9 ,.:;()%/_<>=+-]*", value):
        return f"'{value}'"
    return f"CAST(X'{value.encode().hex()}' AS STRING)"


def name(identifier: str) -> str:
    """A quoted identifier."""
    return "`" + identifier.replace("`", "``") + "`"


def wider(one: str, other: str) -> str | None:
    """The type in which DuckDB compares values of two types; None where no rule is known to be the same in Spark."""
    if one == other:
        return one
    if one == "NULL" or other == "NULL":
        return other if one == "NULL" else one
    if is_exact(one) and is_exact(other):
        return _wider_number(one, other)
    kinds = {one, other}
    if "DOUBLE" in kinds and (kinds & {"FLOAT"} or any(map(is_exact, kinds))):
        return "DOUBLE"
    if kinds <= {"DATE", "TIMESTAMP", ZONED}:
        return ZONED if ZONED in kinds else "TIMESTAMP"
    return None


def _wider_number(one: str, other: str) -> str:
    if is_whole(one) and is_whole(other):
        return max(one, other, key=lambda kind: _SIZES[kind])
    (digits, places), (others, behind) = size(one), size(other)
    scale = max(places, behind)
    return f"DECIMAL({min(38, max(digits, others) + scale)},{scale})"


def coerced(value: Typed, kind: str) -> str | None:
    """The value with a type that holds it whole; None where that isn't so."""
    if value.type == kind or (value.type, kind) == ("VARCHAR", "JSON"):
        return value.sql
    if value.type == "NULL":
        return null(kind)
    if is_exact(value.type) and is_exact(kind) and not (size(value.type)[1] and is_whole(kind)):
        return f"CAST({value.sql} AS {spark(kind)})"
    if kind == "DOUBLE":
        return _doubled(value)
    if value.type == "DATE" and is_moment(kind):
        return _midnight(value.sql, kind)
    if is_moment(value.type) and is_moment(kind):
        return f"CAST({value.sql} AS {spark(kind)})"
    return None


def _doubled(value: Typed) -> str | None:
    """A DOUBLE. DuckDB divides by a power of ten, Spark reads the digits: that is the same up to 2^53."""
    if value.type == "FLOAT":
        return f"CAST({value.sql} AS DOUBLE)"
    if not is_exact(value.type):
        return None
    digits, places = size(value.type)
    if digits + places <= 15 or value.type == "BIGINT":
        return f"CAST({value.sql} AS DOUBLE)"
    most = str(_EXACT // 10**places)
    return (
        f"CASE WHEN {value.sql} BETWEEN -{most} AND {most} THEN CAST({value.sql} AS DOUBLE)"
        f" WHEN {value.sql} IS NOT NULL THEN {raised('a number is too long to be the same DOUBLE on Spark')} END"
    )


def raised(message: str, kind: str = "DOUBLE") -> str:
    """An expression that ends the query."""
    return f"CAST(raise_error({text(message)}) AS {spark(kind)})"


def _midnight(sql: str, kind: str) -> str:
    cast = spark(kind)
    ends = "".join(
        f" WHEN unix_date({sql}) = {sign}{LAST_DAY} THEN CAST(timestamp_micros({sign}{LAST_MICROSECOND}) AS {cast})"
        for sign in ("", "-")
    )
    return f"CASE{ends} ELSE CAST({sql} AS {cast}) END"


def dated(value: Typed, sql: str, kind: str) -> str:
    """`sql`, worked out of a day or a moment of the years 1 to 9999; another one, or infinity, ends the query."""
    first, last = _CALENDAR[value.type]
    message = raised("a time beyond the years 1 to 9999, or infinity, can't be worked with on Spark", kind)
    return (
        f"CASE WHEN {value.sql} BETWEEN {first} AND {last} THEN {sql} WHEN {value.sql} IS NOT NULL THEN {message} END"
    )


def cast(value: Typed, kind: str) -> str | None:
    """An explicit CAST; None where Spark's gives something else."""
    if spark(kind) is None:
        return None
    if (implicit := coerced(value, kind)) is not None:
        return implicit
    for fits, rule in _CASTS:
        if fits(value.type, kind):
            return rule(value, kind)
    return None


def _of_decimal(value: Typed, kind: str) -> str:
    """DuckDB rounds to a whole number, halves away from zero; Spark would cut."""
    return f"CAST(round({value.sql}, 0) AS {spark(kind)})"


def _of_double(value: Typed, kind: str) -> str:
    """DuckDB rounds halves to the even number."""
    return f"CAST(rint(CAST({value.sql} AS DOUBLE)) AS {spark(kind)})"


def _day(value: Typed, _kind: str) -> str:
    return dated(value, f"CAST({value.sql} AS DATE)", "DATE")


def _day_text(value: Typed, _kind: str) -> str:
    """Days of four-digit years are written alike."""
    return dated(value, f"CAST({value.sql} AS STRING)", "VARCHAR")


def _plainly(value: Typed, kind: str) -> str:
    return f"CAST({value.sql} AS {spark(kind)})"


_CASTS: tuple[tuple[Callable[[str, str], bool], Callable[[Typed, str], str]], ...] = (
    (lambda of, to: of.startswith("DECIMAL(") and is_whole(to), _of_decimal),
    (lambda of, to: of in ("DOUBLE", "FLOAT") and is_whole(to) and to != "HUGEINT", _of_double),
    (lambda of, to: is_moment(of) and to == "DATE", _day),
    (lambda of, to: of == "DATE" and to == "VARCHAR", _day_text),
    (lambda of, to: (is_exact(of) or of in ("BOOLEAN", "UUID", "JSON")) and to == "VARCHAR", _plainly),
    (lambda of, to: of == "BOOLEAN" and is_whole(to) and to != "HUGEINT", _plainly),
)
