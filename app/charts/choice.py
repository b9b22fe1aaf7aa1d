"""Which picture fits a result: the one that its report asks for, else a sensible one by its columns, or none.

Nothing is added up to make one: a picture is chosen only where each of its marks is one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from app import errors
from app.charts.chart import NONE, NUMBER, Chart
from app.reporting import columns
from app.reporting.result import Result

# As many colours can be told apart, as many bars be read, as many marks be drawn.
_MOST_COLOURS, _MOST_BARS, MOST_MARKS = 8, 40, 20_000
# A result of one row and more columns than this is a record, not a figure.
_FEW = 3
_FRACTIONS = ("DECIMAL", "DOUBLE", "FLOAT")


def chosen(result: Result, wanted: Chart | None, *, where: str) -> tuple[Chart, Result] | None:
    """The picture, and the rows as it takes them: rows are told apart by one column at most.

    Raises `errors.BadReport` for a picture that the result's columns or its size don't allow.
    """
    if wanted is None:
        wanted = of_columns(result)
    else:
        check(result, wanted, where=where)
    return None if wanted is None or wanted.kind == NONE else _with_one_colour(wanted, result)


def _with_one_colour(chart: Chart, result: Result) -> tuple[Chart, Result]:
    """Two columns of which each says something make a new one: `card, EUR`. One that says the same all over is none."""
    if chart.kind == "heatmap":
        return chart, result
    telling = tuple(name for name in chart.color if _distinct(result, name) > 1)
    if len(telling) < 2:
        return replace(chart, color=telling), result
    places = [result.columns.index(name) for name in telling]
    rows = [
        (*row, ", ".join("-" if row[place] is None else str(row[place]) for place in places)) for row in result.rows
    ]
    names, types = (*result.columns, ", ".join(telling)), (*result.types, "VARCHAR")
    return replace(chart, color=names[-1:]), replace(result, columns=names, types=types, rows=rows)


def check(result: Result, wanted: Chart, *, where: str) -> None:
    """Raises `errors.BadReport` that names the column which isn't there, or is no number where one is needed."""
    for name in wanted.columns:
        if name not in result.columns:
            raise errors.BadReport(f"{where}: the chart's {name} is no column", hint=f"it has {_listed(result)}")
    for name in _amounts(wanted):
        kind = result.types[result.columns.index(name)]
        if not columns.is_number(kind):
            raise errors.BadReport(f"{where}: the chart's {name} is {kind}, and it takes a number")
    if len(result.rows) > MOST_MARKS:
        message = f"{where}: {len(result.rows):,} rows are more than a picture shows ({MOST_MARKS:,})"
        raise errors.BadReport(message, hint="ask for less, or take the table")


def _listed(result: Result) -> str:
    return ", ".join(result.columns)


def _amounts(chart: Chart) -> tuple[str, ...]:
    return chart.color if chart.kind == "heatmap" else tuple(filter(None, (*chart.y, chart.line)))


def of_columns(result: Result) -> Chart | None:
    """A picture by types and values alone; None where nothing suggests itself."""
    amounts = _measures(result)
    if not amounts or not result.rows or len(result.rows) > MOST_MARKS:
        return None
    if len(result.rows) == 1:
        return Chart(NUMBER, y=amounts[:1]) if len(result.columns) <= _FEW else None
    times = [name for name, kind in _described(result) if columns.is_time(kind) and _distinct(result, name) > 1]
    names = [name for name, kind in _described(result) if kind == "VARCHAR" and _distinct(result, name) > 1]
    return _over_time(result, times, names, amounts) or _by_name(result, names, amounts) or _cloud(result, amounts)


def _measures(result: Result) -> tuple[str, ...]:
    """The amounts: those with a fraction first, which are more often what a report is about than a count."""
    numbers = [(name, kind) for name, kind in _described(result) if columns.is_number(kind)]
    measures = [(name, kind) for name, kind in numbers if not columns.identifies(name)]
    return tuple(name for name, kind in sorted(measures, key=lambda one: not one[1].startswith(_FRACTIONS)))


def _described(result: Result) -> list[tuple[str, str]]:
    return list(zip(result.columns, result.types, strict=True))


def _over_time(result: Result, times: Sequence[str], names: Sequence[str], amounts: Sequence[str]) -> Chart | None:
    for color in ("", *names[:1]):
        if times and _tells_apart(result, filter(None, (times[0], color))) and _few(result, color):
            return Chart("line", x=times[0], y=tuple(amounts[:1]), color=(color,) if color else ())
    return None


def _by_name(result: Result, names: Sequence[str], amounts: Sequence[str]) -> Chart | None:
    """Bars by the first text that tells the rows apart, or by two of which one is a colour."""
    for name in names:
        if _tells_apart(result, (name,)) and len(result.rows) <= _MOST_BARS:
            return Chart("bar", x=name, y=tuple(amounts[:1]))
    if len(names) == 2 and _tells_apart(result, names):
        color, name = sorted(names, key=lambda one: _distinct(result, one))
        if _few(result, color) and _distinct(result, name) <= _MOST_BARS:
            return Chart("bar", x=name, y=tuple(amounts[:1]), color=(color,))
    return None


def _cloud(result: Result, amounts: Sequence[str]) -> Chart | None:
    if len(amounts) == len(result.columns) == 2:
        return Chart("scatter", x=result.columns[0], y=(result.columns[1],))
    return None


def _tells_apart(result: Result, names: Iterable[str]) -> bool:
    """Whether no two rows have the same values in these columns."""
    places = [result.columns.index(name) for name in names]
    return len({tuple(map(_key, (row[place] for place in places))) for row in result.rows}) == len(result.rows)


def _few(result: Result, color: str) -> bool:
    return not color or _distinct(result, color) <= _MOST_COLOURS


def _distinct(result: Result, name: str) -> int:
    place = result.columns.index(name)
    return len({_key(row[place]) for row in result.rows})


def _key(value: Any) -> Any:
    return value if value.__hash__ else repr(value)
