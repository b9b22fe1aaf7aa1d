"""A result as a table of pyarrow, polars or pandas, where that is installed: every value as the result has it.

A column in which Python's type could not hold some value has text there (infinity, a far date, an interval); it is text
as a whole then. Whole numbers of 128 bits are decimals of 38 digits, or text where they have more.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
from duckdb.sqltypes import DuckDBPyType

from app import errors

_INTEGERS = {
    "tinyint": "int8", "smallint": "int16", "integer": "int32", "bigint": "int64",
    "utinyint": "uint8", "usmallint": "uint16", "uinteger": "uint32", "ubigint": "uint64",
}  # fmt: skip
_TIMES = ("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns")


def needed(*packages: str) -> Any:
    """The first of the packages, which the caller has to install. Raises `errors.MissingExtra` with their names."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            message = f"this needs the package {package}, which is not installed"
            raise errors.MissingExtra(message, hint=f"pip install {' '.join(packages)}") from error
    return importlib.import_module(packages[0])


def arrow(columns: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Any:
    """A `pyarrow.Table`."""
    package = needed("pyarrow")
    refusals = (package.ArrowInvalid, package.ArrowTypeError, OverflowError, TypeError, ValueError)

    def column(kind: str, values: list[Any]) -> Any:
        try:
            parsed = _parsed(kind)
            wanted = _arrow_type(package, parsed)
            return package.array([_held(parsed, value) for value in values], wanted)
        except refusals:
            return package.array([_text(value) for value in values], package.string())

    whole = [column(kind, [row[place] for row in rows]) for place, kind in enumerate(types)]
    return package.table(whole, names=list(columns))


def polars(columns: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Any:
    """A `polars.DataFrame`, by way of Arrow."""
    package = needed("polars", "pyarrow")
    return package.from_arrow(arrow(columns, types, rows))


def pandas(columns: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Any:
    """A `pandas.DataFrame` with Arrow's types: pandas' own have no NULL among whole numbers."""
    package = needed("pandas", "pyarrow")
    return arrow(columns, types, rows).to_pandas(types_mapper=package.ArrowDtype)


def _parsed(kind: str) -> DuckDBPyType:
    try:
        return duckdb.type(kind)
    except duckdb.Error:
        return DuckDBPyType("VARCHAR")


def _arrow_type(package: Any, kind: DuckDBPyType) -> Any:
    """The type of Arrow that holds all that Python has of this type."""
    if kind.id in _INTEGERS:
        return getattr(package, _INTEGERS[kind.id])()
    if kind.id in _TIMES:
        return package.timestamp("us")
    maker = _ARROW.get(kind.id)
    return maker(package, kind) if maker else package.string()


def _within(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """The types that a nested one holds."""
    return [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]


def _arrow_list(package: Any, kind: DuckDBPyType) -> Any:
    return package.list_(_arrow_type(package, _within(kind)[0][1]))


def _arrow_struct(package: Any, kind: DuckDBPyType) -> Any:
    return package.struct([(name, _arrow_type(package, child)) for name, child in _within(kind)])


def _arrow_map(package: Any, kind: DuckDBPyType) -> Any:
    return package.map_(*(_arrow_type(package, child) for _, child in _within(kind)))


def _decimal(package: Any, kind: DuckDBPyType) -> Any:
    digits: dict[str, Any] = dict(kind.children)
    return package.decimal128(digits["precision"], digits["scale"])


_ARROW: dict[str, Callable[[Any, DuckDBPyType], Any]] = {
    "boolean": lambda package, _: package.bool_(),
    "hugeint": lambda package, _: package.decimal128(38, 0),
    "uhugeint": lambda package, _: package.decimal128(38, 0),
    "decimal": _decimal,
    "float": lambda package, _: package.float32(),
    "double": lambda package, _: package.float64(),
    "blob": lambda package, _: package.binary(),
    "date": lambda package, _: package.date32(),
    "time": lambda package, _: package.time64("us"),
    "timestamp with time zone": lambda package, _: package.timestamp("us", "UTC"),
    "list": _arrow_list,
    "array": _arrow_list,
    "struct": _arrow_struct,
    "map": _arrow_map,
}


def _held(kind: DuckDBPyType, value: Any) -> Any:
    """What Arrow knows of a value: UUIDs are text, maps lists of pairs."""
    if value is None:
        return None
    if kind.id in ("list", "array"):
        return [_held(_within(kind)[0][1], one) for one in value]
    if kind.id == "struct":
        return {name: _held(child, value[name]) for name, child in _within(kind)}
    if kind.id == "map":
        key, held = (child for _, child in _within(kind))
        return [(_held(key, one), _held(held, other)) for one, other in value.items()]
    return str(value) if kind.id == "uuid" else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
