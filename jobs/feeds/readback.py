"""Rows that the log has as texts, read back by PostgreSQL by the expressions that the table's rows are read by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from jobs import quoting
from jobs.feeds.wal.told import Line
from jobs.tables import keys
from jobs.tables.table import Table
from jobs.types import masks
from jobs.types.column_plan import ColumnPlan
from jobs.types.wire import Wire

# Lines, and characters, of one question.
_LINES, _SIZE = 5_000, 4 * 2**20
# What each row has beside the table's columns, and its type in PostgreSQL and in DuckDB. `place` counts the lines.
# `left` has a `u` for each column whose value is the one before.
_MORE = (
    ("place", "int8", "BIGINT"), ("number", "int8", "BIGINT"), ("moment", "timestamptz", "TIMESTAMPTZ"),
    ("kind", "text", "VARCHAR"), ("left", "text", "VARCHAR"),
)  # fmt: skip


def column(what: str) -> str:
    """The name of a column that is no table's."""
    return f"neaptide told {what}"


def defined(table: Table) -> str:
    """The columns of the rows that are read back, as CREATE TABLE takes them."""
    columns = [(plan.name, plan.duckdb_type) for plan in table.columns]
    columns += [(column(what), kind) for what, _, kind in _MORE]
    return ", ".join(f"{quoting.identifier(name)} {kind}" for name, kind in columns)


def wires(table: Table, lines: Iterable[Line]) -> Iterator[Wire]:
    """Queries for the rows of these lines, for a few thousand of them each."""
    rows: list[Sequence[str | None]] = []
    size = 0
    for place, line in enumerate(lines, 1):
        rows.append(_row(place, line))
        size += sum(len(value or "") for value in rows[-1])
        if len(rows) >= _LINES or size >= _SIZE:
            yield _wire(table, rows)
            rows, size = [], 0
    if rows:
        yield _wire(table, rows)


def _row(place: int, line: Line) -> Sequence[str | None]:
    left = "".join("u" if value is False else "." for value in line.values)
    values = [value if isinstance(value, str) else None for value in line.values]
    return [*values, str(place), str(line.number), line.moment.isoformat(), line.kind, left]


def _wire(table: Table, rows: Sequence[Sequence[str | None]]) -> Wire:
    """What is to be read back has the names of the table's columns: they are what its expressions read."""
    names = [f"n{place}" for place in range(len(table.copied) + len(_MORE))]
    lists = ", ".join(f"{_array(values)}::text[]" for values in zip(*rows, strict=True))
    given = [
        f"t.{name}::text" if info.name in table.spec.mask else keys.read_back(f"t.{name}", info)
        for name, info in zip(names, table.copied, strict=False)
    ]
    given += [f"t.{name}::{kind}" for name, (_, kind, _) in zip(names[len(given) :], _MORE, strict=True)]
    called = [info.name for info in table.copied] + [column(what) for what, _, _ in _MORE]
    fields = ", ".join(f"{value} AS {quoting.identifier(name)}" for value, name in zip(given, called, strict=True))
    source = f"SELECT {fields} FROM unnest({lists}) AS t ({', '.join(names)})"
    plans = [*_plans(table), *_more()]
    read = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in plans)
    return Wire(plans, f"SELECT {read} FROM ({source}) AS {quoting.identifier(table.relation)}")


def _plans(table: Table) -> Iterator[ColumnPlan]:
    """The table's; what is masked comes as no more than a text that says whether there is a value."""
    for info, plan in zip(table.copied, table.columns, strict=True):
        how = table.spec.mask.get(info.name)
        yield replace(plan, source_sql=masks.of_text(quoting.identifier(info.name), how)) if how else plan


def _more() -> list[ColumnPlan]:
    names = [(quoting.identifier(column(what)), column(what), kind) for what, _, kind in _MORE]
    return [ColumnPlan(name, sql, sql, kind, True, "", None, None, sql, sql, True) for sql, name, kind in names]


def _array(values: Iterable[str | None]) -> str:
    return quoting.literal("{" + ",".join(map(_element, values)) + "}")


def _element(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
