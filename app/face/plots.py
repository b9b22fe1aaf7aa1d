"""A small picture in the terminal: bars with their numbers, columns for many rows, dots, shades, or one figure.

What could not be told apart is drawn apart: one picture for each colour, and for each of several amounts.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO

from app import errors
from app.charts import choice
from app.charts.chart import NUMBER, Chart
from app.face import cells, terminal, values
from app.reporting.result import Result

# More bars than that are columns, which have no numbers of their own.
_MOST_BARS = 40
_HEIGHT = 10
_EIGHTHS, _SHADES, _PLAIN = " ▏▎▍▌▋▊▉", " ░▒▓█", " .:*#"
_STEPS = " ▁▂▃▄▅▆▇█"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LONGEST = 28


def write(result: Result, wanted: Chart | None, title: str, out: TextIO, now: datetime) -> None:
    """Draw a result. Raises `errors.UsageError` where nothing says how, `errors.BadReport` where it can't be."""
    chosen = choice.chosen(result, wanted, where=title)
    if chosen is None:
        raise errors.UsageError(
            f"nothing says how to draw {title!r}", hint="say it in the head, like `-- chart: line x=month y=net`"
        )
    width = terminal.width(out)
    lines = [values.shown(title), ""]
    for number, (part, rows, name) in enumerate(_parts(*chosen)):
        lines += [*([""] if number else []), *([name] if name else []), *_drawn(part, rows, width)]
    count = f"{len(result.rows):,} {'row' if len(result.rows) == 1 else 'rows'}"
    lines.append(f"{count}. {values.freshness(result.as_of, now)}")
    out.write(terminal.encodable(_in_ascii("\n".join(lines) + "\n", out), out))


def _in_ascii(text: str, out: TextIO) -> str:
    """The picture in characters that any terminal has, where this one has no blocks."""
    try:
        text.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        blocks: dict[str, str | int | None] = {
            **dict.fromkeys(_EIGHTHS[1:] + _STEPS[1:] + _SHADES[1:], "#"),
            "▏": "|",
            "·": "-",
        }
        blocks |= dict(zip(_SHADES, _PLAIN, strict=True))
        return text.translate(str.maketrans(blocks))
    return text


def _parts(chart: Chart, result: Result) -> Iterator[tuple[Chart, Result, str]]:
    """One picture for each colour and amount, with the name that tells it from the others."""
    if chart.kind in (NUMBER, "heatmap", "scatter"):
        yield chart, result, ""
        return
    place = result.columns.index(chart.color[0]) if chart.color else None
    names = list(dict.fromkeys(repr(row[place]) for row in result.rows)) if place is not None else [None]
    for name, amount in itertools.product(names, chart.y):
        rows = [row for row in result.rows if place is None or repr(row[place]) == name]
        labels = [values.shown(rows[0][place])] if place is not None and len(names) > 1 else []
        labels += [values.shown(amount)] if len(chart.y) > 1 else []
        yield replace(chart, y=(amount,)), replace(result, rows=rows), ", ".join(labels)


def _drawn(chart: Chart, result: Result, width: int) -> list[str]:
    if not result.rows:
        return []
    if chart.kind == NUMBER:
        return [_column(result, chart.y[0])[-1], ""]
    if chart.kind == "heatmap":
        return _heatmap(chart, result, width)
    if chart.kind == "scatter":
        return _scatter(chart, result, width)
    return _bars(chart, result, width) if len(result.rows) <= _MOST_BARS else _columns(chart, result, width)


def _column(result: Result, name: str) -> list[str]:
    place = result.columns.index(name)
    kind = result.types[place]
    return cells.of_column(kind, [row[place] for row in result.rows], grouped=not values.identifies(name))


def _numbers(result: Result, name: str) -> list[float]:
    place = result.columns.index(name)
    return [_number(row[place]) for row in result.rows]


def _number(value: Any) -> float:
    """NaN for what has no place on an axis."""
    try:
        number = float(value) if isinstance(value, int | float | Decimal) else math.nan
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _bars(chart: Chart, result: Result, width: int) -> list[str]:
    labels = [_cut(label) for label in _column(result, chart.x)]
    texts, numbers = _column(result, chart.y[0]), _numbers(result, chart.y[0])
    wide, long = max(map(len, labels)), max(map(len, texts))
    room = max(8, width - wide - long - 5)
    real = [one for one in numbers if not math.isnan(one)]
    low, high = min([0.0, *real]), max([0.0, *real])
    scale = room / (high - low) if high > low else 0.0
    return [
        f"{label:<{wide}}  {text:>{long}}  {_bar(one, -low * scale, scale)}".rstrip()
        for label, text, one in zip(labels, texts, numbers, strict=True)
    ]


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"


def _bar(value: float, zero: float, scale: float) -> str:
    """From where nothing is, to the right; to the left for less than nothing."""
    if math.isnan(value):
        return ""
    if value < 0:
        length = min(round(zero), max(1, round(-value * scale)))
        return " " * (round(zero) - length) + "█" * length
    eighths = round(value * scale * 8) or (1 if value else 0)
    return " " * round(zero) + "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _columns(chart: Chart, result: Result, width: int) -> list[str]:
    """Many rows side by side; where there is no room for each, a column is the mean of several, and that is said."""
    numbers = _numbers(result, chart.y[0])
    labels, texts = _column(result, chart.x), _column(result, chart.y[0])
    each = math.ceil(len(numbers) / max(8, width - max(map(len, texts)) - 2))
    means = [_mean(numbers[start : start + each]) for start in range(0, len(numbers), each)]
    low, high = min([0.0, *filter(_is_real, means)]), max([0.0, *filter(_is_real, means)])
    lines = _plot(means, low, high)
    ends = [f"{high:,.6g}", *[""] * (_HEIGHT - 2), f"{low:,.6g}"]
    margin = max(map(len, ends))
    rows = [f"{end:>{margin}} {line}".rstrip() for end, line in zip(ends, lines, strict=True)]
    gap = max(1, len(means) - len(labels[0]) - len(labels[-1]))
    notes = [f"{' ' * margin} a column is the mean of {each} rows"] if each > 1 else []
    return [*rows, f"{' ' * margin} {labels[0]}{' ' * gap}{labels[-1]}", *notes]


def _is_real(value: float) -> bool:
    return not math.isnan(value)


def _mean(numbers: Sequence[float]) -> float:
    real = [one for one in numbers if _is_real(one)]
    return statistics.fmean(real) if real else math.nan


def _plot(numbers: Sequence[float], low: float, high: float) -> list[str]:
    """Lines from the top, of columns that stand on the lowest."""
    scale = _HEIGHT * 8 / (high - low) if high > low else 0.0
    heights = [0 if math.isnan(one) else round((one - low) * scale) for one in numbers]
    return [
        "".join(_STEPS[min(8, max(0, height - 8 * level))] for height in heights) for level in reversed(range(_HEIGHT))
    ]


def _scatter(chart: Chart, result: Result, width: int) -> list[str]:
    """Dots of braille: two across and four up in each character."""
    across, up = max(16, min(width - 14, 64)) * 2, _HEIGHT * 4
    place = result.columns.index(chart.x)
    moments = [row[place].timestamp() if isinstance(row[place], datetime) else row[place] for row in result.rows]
    xs = [_number(one if isinstance(one, int | float | Decimal) else _day(one)) for one in moments]
    ys = _numbers(result, chart.y[0])
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if _is_real(x) and _is_real(y)]
    if not points:
        return []
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    grid = [[0x2800] * (across // 2) for _ in range(up // 4)]
    for x, y in points:
        column = round((x - left) / ((right - left) or 1) * (across - 1))
        row = round((high - y) / ((high - low) or 1) * (up - 1))
        grid[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
    ends = [f"{high:,.6g}", *[""] * (len(grid) - 2), f"{low:,.6g}"]
    margin = max(map(len, ends))
    rows = [f"{end:>{margin}} {''.join(map(chr, line))}" for end, line in zip(ends, grid, strict=True)]
    labels = _column(result, chart.x)
    first, last = labels[xs.index(left)], labels[xs.index(right)]
    gap = max(1, across // 2 - len(first) - len(last))
    axes = values.shown(f"across: {chart.x}, up: {chart.y[0]}")
    return [*rows, f"{' ' * margin} {first}{' ' * gap}{last}", f"{' ' * margin} {axes}"[:width]]


def _day(value: Any) -> float:
    return float(value.toordinal()) if hasattr(value, "toordinal") else math.nan


def _heatmap(chart: Chart, result: Result, width: int) -> list[str]:
    """Rows by columns, the more the darker; what was not said is blank."""
    across, down = _column(result, chart.x), _column(result, chart.y[0])
    color = chart.color[0]
    numbers = _numbers(result, color)
    real = [one for one in numbers if _is_real(one)]
    low, high = min(real, default=0.0), max(real, default=0.0)
    shades = {(name, head): _shade(one, low, high) for name, head, one in zip(down, across, numbers, strict=True)}
    heads, names = list(dict.fromkeys(across)), list(dict.fromkeys(down))
    wide = max(len(_cut(name)) for name in names)
    cell = 2 if wide + 2 + 2 * len(heads) <= width else 1
    lines = [
        f"{_cut(name):<{wide}}  " + "".join(shades.get((name, head), " ") * cell for head in heads) for name in names
    ]
    span = f"{_SHADES[1]} {low:,.6g} to {_SHADES[-1]} {high:,.6g}"
    legend = f"{values.shown(chart.x)}: {heads[0]} to {heads[-1]}; {values.shown(color)}: {span}"
    return [*(line[:width].rstrip() for line in lines), "", legend]


def _shade(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return " "
    return _SHADES[1 + min(3, int(4 * (value - low) / ((high - low) or 1)))]
