"""The growth table as an SVG: `python -m tests.bench.plot bench.json growth.svg`. Nothing but the standard library."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 44, 52
# Touched apart in grey and by the colour-blind, too: each has its own mark.
SERIES: dict[Any, tuple[str, str, str]] = {
    "all": ("first load", "#1b6ca8", "circle"),
    10_000: ("10,000 changed", "#c8553d", "square"),
    100: ("100 changed", "#6a994e", "triangle"),
    0: ("nothing changed", "#7a5195", "diamond"),
}


def main(arguments: Sequence[str]) -> None:
    """Read the JSON of `make bench`, write the picture."""
    cells = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["about"]["growth"]
    Path(arguments[1]).write_text(picture(cells), encoding="utf-8")


def picture(cells: Sequence[dict[str, Any]]) -> str:
    """Two charts beside each other: time and peak memory over the rows of the table."""
    charts = [
        chart(cells, "seconds", "Time of a run", _seconds, x=0),
        chart(cells, "peak", "Peak memory", lambda value: f"{value:g} MB", x=WIDTH, floor=100),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT + 34}" font-family="sans-serif"'
        ' font-size="11" fill="#333">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join([*charts, legend()])
        + "\n</svg>\n"
    )


def chart(cells: Sequence[dict[str, Any]], key: str, title: str, text: Any, *, x: int, floor: float = 0.001) -> str:
    """One chart with logarithmic axes."""
    rows = sorted({cell["rows"] for cell in cells})
    values = [max(cell[key], floor) for cell in cells]
    across = Scale(rows[0], rows[-1], LEFT, WIDTH - RIGHT)
    up = Scale(_below(min(values)), _above(max(values)), HEIGHT - BOTTOM, TOP)
    parts = [f'<text x="{LEFT}" y="24" font-size="14" font-weight="bold">{escape(title)}</text>']
    parts += [_level(up(value), text(value)) for value in up.ticks()]
    parts += [_label(across(count), f"{count:,}") for count in rows]
    parts += [f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 12}" text-anchor="middle">rows of the table</text>']
    for changed, (_, colour, mark) in SERIES.items():
        points = [(across(c["rows"]), up(max(c[key], floor))) for c in cells if c["changed"] == changed]
        parts.append(_line(points, colour, mark))
    return f'<g transform="translate({x},0)">\n' + "\n".join(parts) + "\n</g>"


class Scale:
    """Values to places, by their logarithm."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._span = math.log10(low), math.log10(high) - math.log10(low) or 1
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        return self._start + (math.log10(value) - self._low) / self._span * (self._end - self._start)

    def ticks(self) -> list[float]:
        """The powers of ten within."""
        low, high = round(self._low), round(self._low + self._span)
        return [10.0**power for power in range(low, high + 1)]


def legend() -> str:
    """What the colours mean."""
    parts = []
    for place, (name, colour, mark) in enumerate(SERIES.values()):
        x, y = LEFT + place * 150, HEIGHT + 16
        parts.append(f'{_mark(x, y, colour, mark)}<text x="{x + 12}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join(parts)


def _line(points: Sequence[tuple[float, float]], colour: str, mark: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return "".join([line, *(_mark(x, y, colour, mark) for x, y in points)])


def _mark(x: float, y: float, colour: str, mark: str) -> str:
    if mark == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    corners = {
        "square": ((-4, -4), (4, -4), (4, 4), (-4, 4)),
        "triangle": ((0, -5), (5, 4), (-5, 4)),
        "diamond": ((0, -5), (5, 0), (0, 5), (-5, 0)),
    }[mark]
    return f'<polygon points="{_points((x + dx, y + dy) for dx, dy in corners)}" fill="{colour}"/>'


def _points(corners: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _level(y: float, text: str) -> str:
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
    return f'{line}<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'


def _label(x: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text}</text>'


def _seconds(value: float) -> str:
    return f"{value:g} s" if value >= 1 else f"{value * 1000:g} ms"


def _below(value: float) -> float:
    return float(10 ** math.floor(math.log10(value)))


def _above(value: float) -> float:
    return float(10 ** math.ceil(math.log10(value)))


if __name__ == "__main__":
    main(sys.argv[1:])
