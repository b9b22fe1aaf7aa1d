"""A result on screen or in a file: table, JSON, JSON lines, CSV, Markdown.

A table fits its width (80 where the output is no terminal): sentences wrap, numbers and names never do, and where that
leaves no room each row becomes a block of lines. Columns have the names that a query can use. JSON is
`{"as_of": "…", "columns": ["…"], "rows": [{…}]}`; decimals are numbers with exactly their digits, so parse them as
decimals (Python: `json.loads(text, parse_float=Decimal)`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app import escapes
from app.face import cells, terminal, values, widths
from app.reporting.result import Result

FORMATS = ("table", "json", "jsonl", "csv", "markdown")
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "BOOLEAN"),
    (int, "BIGINT"),
    (Decimal, "DECIMAL"),
    (float, "DOUBLE"),
    (datetime, "TIMESTAMP WITH TIME ZONE"),
    (date, "DATE"),
)
# The columns of what EXPLAIN answers: a drawing of many lines, which no cell holds.
_PLAN = ("explain_key", "explain_value")


def write(result: Result, kind: str, out: TextIO, err: TextIO, *, now: datetime | None = None) -> None:
    """Print a result: data on `out`; how fresh it is below a table, and on `err` for a format that programs read."""
    text = render(result, kind, width=terminal.width(out), colour=terminal.wants_colour(out))
    out.write(terminal.encodable(text, out))
    line = values.freshness(result.as_of, now or datetime.now(UTC)) + "\n"
    (out if kind == "table" else err).write(line)


def render(result: Result, kind: str, *, width: int = terminal.WIDTH, colour: bool = False) -> str:
    """A result as text that ends in a line break, without the line about freshness; `kind` is one of `FORMATS`."""
    spelled = _with_short_floats(result)
    if kind == "table" and result.columns == _PLAN:
        return "".join(f"{escapes.lines(text.rstrip())}\n" for _, text in result.rows)
    if kind == "table":
        return _table(spelled, width, colour)
    return _RENDERERS[kind](spelled)


def _with_short_floats(result: Result) -> Result:
    """Python knows no numbers of 32 bits: as a wider one, 0.1 has digits that it never had."""
    places = {place for place, kind in enumerate(result.types) if "FLOAT" in kind and "DOUBLE" not in kind}
    if not places:
        return result
    rows = [
        tuple(values.single(value) if place in places else value for place, value in enumerate(row))
        for row in result.rows
    ]
    return replace(result, rows=rows)


def of_objects(objects: Sequence[Any], names: Iterable[str], as_of: datetime) -> Result:
    """A result from dataclass instances: the fields of these names as columns."""
    columns = tuple(names)
    rows = [tuple(getattr(one, name) for name in columns) for one in objects]
    types = tuple(_type_of([row[place] for row in rows]) for place in range(len(columns)))
    return Result(columns, types, rows, as_of)


def json_of(thing: Any) -> str:
    """A dataclass, with whatever dataclasses it holds, as one line of JSON."""
    return values.as_json(_simple(thing)) + "\n"


def _simple(thing: Any) -> Any:
    if is_dataclass(thing):
        return {field.name: _simple(getattr(thing, field.name)) for field in fields(thing)}
    return [_simple(one) for one in thing] if isinstance(thing, list | tuple) else thing


def _type_of(column: Sequence[object]) -> str:
    known = next((value for value in column if value is not None), None)
    return next((name for kind, name in _TYPES if isinstance(known, kind)), "VARCHAR")


def _table(result: Result, width: int, colour: bool) -> str:
    columns = [
        cells.of_column(kind, [row[place] for row in result.rows], grouped=not values.identifies(name))
        for place, (name, kind) in enumerate(zip(result.columns, result.types, strict=True))
    ]
    text = grid(result.columns, result.types, columns, width=width, colour=colour)
    return text + f"{len(result.rows):,} {'row' if len(result.rows) == 1 else 'rows'}. "


def grid(
    names: Sequence[str],
    kinds: Sequence[str],
    columns: Sequence[Sequence[str]],
    *,
    width: int,
    colour: bool = False,
    styles: Mapping[str, str] | None = None,
) -> str:
    """Cells below the names of their columns, or a block of lines for each row where the width is too small.

    `styles` gives a colour to a cell by its first word.
    """
    shown = [values.shown(name) for name in names]
    widths_ = widths.fitting(shown, kinds, columns, width)
    if widths_ is None:
        return _blocks(shown, list(zip(*columns, strict=True)), width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name, kind, wide in zip(shown, kinds, widths_, strict=True):
        justify: Literal["left", "right"] = "right" if values.is_number(kind) else "left"
        table.add_column(Text(widths.heading(name, wide)), justify=justify, overflow="fold", width=wide)
    for row in zip(*columns, strict=True):
        table.add_row(*(Text(cell, style=_style(cell, styles or {})) for cell in row))
    console = _console(sum(widths_) + widths.GAP * len(widths_), colour)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _style(cell: str, styles: Mapping[str, str]) -> str:
    return styles.get(cell.partition(":")[0], "")


def _console(width: int, colour: bool) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        legacy_windows=False,
    )


def _blocks(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """One line per value: for rows with too many columns to stand side by side."""
    lines = []
    for number, row in enumerate(rows, start=1):
        lines.append(f"-- row {number} ".ljust(min(width, 40), "-"))
        lines += _block(names, row, width)
    return "".join(line.rstrip() + "\n" for line in lines)


def _block(names: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """Names in a column on the left; above their values, where they would take more than half of the width."""
    label = max(map(len, names))
    beside = label <= width // 2
    lines = []
    for name, cell in zip(names, row, strict=True):
        parts = _wrapped(cell, width - (label if beside else 0) - 2)
        heads = [name.ljust(label), *[" " * label] * (len(parts) - 1)] if beside else [""] * len(parts)
        lines += [] if beside else _wrapped(name, width)
        lines += [f"{head}  {part}" for head, part in zip(heads, parts, strict=True)]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return [line.plain for line in Text(text).wrap(_PLAIN, max(width, 1), overflow="fold")] or [""]


def _json(result: Result) -> str:
    rows = ",\n  ".join(values.json_object(zip(result.columns, row, strict=True)) for row in result.rows)
    head = f'{{"as_of": {values.as_json(result.as_of)}, "columns": {values.as_json(result.columns)}, "rows": ['
    return head + (f"\n  {rows}\n" if rows else "") + "]}\n"


def _jsonl(result: Result) -> str:
    return "".join(values.json_object(zip(result.columns, row, strict=True)) + "\n" for row in result.rows)


def _csv(result: Result) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        if "" in row:
            out.write(_line_with_empty_texts(row))
        else:
            writer.writerow([values.plain(value) for value in row])
    return out.getvalue()


def _line_with_empty_texts(row: Sequence[Any]) -> str:
    """As PostgreSQL and DuckDB write it: an empty text has quotes, NULL has none."""
    one = io.StringIO()
    writer = csv.writer(one, lineterminator="", quoting=csv.QUOTE_ALL)
    fields = []
    for value in row:
        if value is not None:
            writer.writerow([values.plain(value)])
        fields.append(one.getvalue())
        one.seek(0)
        one.truncate()
    return ",".join(fields) + "\n"


def _markdown(result: Result) -> str:
    rule = ["---:" if values.is_number(kind) else "---" for kind in result.types]
    columns = [
        cells.of_column(kind, [row[place] for row in result.rows], grouped=False)
        for place, kind in enumerate(result.types)
    ]
    lines = [[values.shown(name) for name in result.columns], *map(list, zip(*columns, strict=True))]
    marked = [[cell.replace("\\", "\\\\").replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [marked[0], rule, *marked[1:]])


_PLAIN = _console(terminal.WIDTH, colour=False)
_RENDERERS: dict[str, Callable[[Result], str]] = {"json": _json, "jsonl": _jsonl, "csv": _csv, "markdown": _markdown}
