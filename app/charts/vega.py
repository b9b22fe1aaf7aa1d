"""A picture as a Vega-Lite specification: plain data, in which names and values are never more than text.

Columns are called c0, c1, … in it: Vega reads a name with dots or brackets as a path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.charts.chart import NUMBER, Chart
from app.reporting import columns
from app.reporting.result import Result

Spec = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """Colours: of the ground, of text, of what is between, and of series, the first of which is the accent."""

    ground: str
    ink: str
    quiet: str
    line: str
    low: str
    series: tuple[str, ...]


LIGHT = Look(
    "#ffffff", "#1b1d1f", "#5f6468", "#e4e3dd", "#e3f1f4",
    ("#0f6e84", "#c2571a", "#5b7f2b", "#7a4fa3", "#b08900", "#b03a5b", "#3f6fb5", "#6b6f73"),
)  # fmt: skip
DARK = Look(
    "#1a1d1f", "#e8e9e6", "#a3a9ae", "#2c3033", "#17323a",
    ("#6cc6da", "#f0a36b", "#a8cc72", "#bf9be0", "#e0c14f", "#ef8fa9", "#8fb4ef", "#a9adb1"),
)  # fmt: skip
_FONT = "Inter, system-ui, sans-serif"
_BAR, _NARROW = 24, 480


def spec(chart: Chart, result: Result, *, title: str = "", width: int = 720, look: Look = LIGHT) -> Spec:
    """The whole specification; `width` in pixels is that of the picture, axes and all.

    A narrower one has fewer labels, not smaller ones.
    """
    drawn = _Drawn(chart, result, width)
    body = _KINDS[chart.kind](drawn)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": named(title or said(chart)),
        "background": look.ground,
        "width": width,
        "autosize": {"type": "fit-x" if "height" in body else "fit", "contains": "padding"},
        "padding": 4,
        "data": {"values": drawn.values()},
        **body,
        "config": _config(look),
    }


def said(chart: Chart) -> str:
    """The picture in a sentence, for who can't see it."""
    what = " and ".join(chart.y) if chart.kind != "heatmap" else f"{chart.color[0]} by {chart.y[0]}"
    kind = chart.kind.capitalize()
    by = f" by {chart.x}" if chart.x else ""
    told = f", told apart by {chart.color[0]}" if chart.color and chart.kind != "heatmap" else ""
    return f"{kind}: {what}{by}{told}"


def named(text: str) -> str:
    """A name as Vega-Lite may have it: it puts titles into expressions, where a backslash would end their quotes."""
    return "".join(char if char.isprintable() else " " for char in text).replace("\\", "\N{REVERSE SOLIDUS OPERATOR}")


class _Drawn:
    """A chart with the rows that it draws."""

    def __init__(self, chart: Chart, result: Result, width: int) -> None:
        self.chart, self.result, self.width = chart, result, width
        self.color = chart.color[0] if chart.color else ""

    @property
    def narrow(self) -> bool:
        return self.width < _NARROW

    def values(self) -> list[Spec]:
        wanted = [(self.field(name), self.result.columns.index(name)) for name in dict.fromkeys(self.chart.columns)]
        rows = self.result.rows[-1:] if self.chart.kind == NUMBER else self.result.rows
        return [{field: _value(row[place], self._as_text(field)) for field, place in wanted} for row in rows]

    def _as_text(self, field: str) -> bool:
        return field in self._texts()

    def _texts(self) -> set[str]:
        named = [self.chart.x] if self.chart.kind in ("bar", "heatmap") else []
        named += [self.color] if self.chart.kind != "heatmap" else [self.chart.y[0]]
        named += [name for name in self.chart.columns if columns.is_time(self._type(name))]
        return {self.field(name) for name in named if name and self.kind(name) != "temporal"}

    def field(self, name: str) -> str:
        return f"c{self.result.columns.index(name)}"

    def kind(self, name: str) -> str:
        """Vega-Lite's word for the type of a column."""
        found = self._type(name)
        if columns.is_number(found):
            return "quantitative"
        return "temporal" if columns.is_time(found) and self._real_times(name) else "nominal"

    def _type(self, name: str) -> str:
        return self.result.types[self.result.columns.index(name)]

    def _real_times(self, name: str) -> bool:
        place = self.result.columns.index(name)
        return all(row[place] is None or isinstance(row[place], date) for row in self.result.rows)

    def count(self, name: str) -> int:
        place = self.result.columns.index(name)
        return len({repr(row[place]) for row in self.result.rows})

    def colour(self) -> Spec:
        """Nothing for a column that says the same everywhere."""
        name = self.color
        if not name or self.count(name) < 2:
            return {}
        field = {
            "field": self.field(name),
            "type": "nominal",
            "title": named(name),
            "sort": None,
            "legend": self.legend(),
        }
        return {"color": field}

    def legend(self) -> Spec:
        return {"orient": "top", "columns": 2 if self.narrow else 6, "titleOrient": "left", "symbolLimit": 24}

    def along(self, name: str, *, text: bool = False) -> Spec:
        """The axis that rows are laid out along."""
        kind = "ordinal" if text or self.kind(name) == "nominal" else self.kind(name)
        axis: Spec = {
            "labelOverlap": "greedy",
            "labelSeparation": 8,
            "labelLimit": 140 if self.narrow else 240,
            "grid": False,
        }
        axis |= {"tickCount": 4 if self.narrow else 8} if kind != "ordinal" else {}
        found: Spec = {"field": self.field(name), "type": kind, "title": named(name), "axis": axis}
        if kind == "temporal":
            return found | {"scale": {"type": "utc"}}
        return found | ({"sort": None} if kind == "ordinal" else {"scale": {"zero": False}})

    def amount(self, name: str, **more: Any) -> Spec:
        """The axis of an amount."""
        axis = {"tickCount": 4 if self.narrow else 6, "format": ",~f" if self._small(name) else "~s"}
        return {"field": self.field(name), "type": "quantitative", "title": named(name), "axis": axis, **more}

    def _small(self, name: str) -> bool:
        """Whether its numbers can be written out: `12,000`, not `12k`; and not `0`, for what is smaller than that."""
        place = self.result.columns.index(name)
        found = [abs(float(row[place])) for row in self.result.rows if isinstance(row[place], int | float | Decimal)]
        most = max([one for one in found if math.isfinite(one)], default=0.0)
        return 0.01 <= most < (10_000 if self.narrow else 10_000_000)

    def tips(self, names: Sequence[str]) -> list[Spec]:
        return [self._tip(name) for name in dict.fromkeys(filter(None, names))]

    def _tip(self, name: str) -> Spec:
        kind = self.kind(name)
        form = {"quantitative": {"format": ",~f"}, "temporal": {"format": "%Y-%m-%d", "timeUnit": _UNIT}}.get(kind, {})
        return {"field": self.field(name), "type": kind, "title": named(name), **form}


_UNIT = "utcyearmonthdatehours"


def _value(value: Any, as_text: bool) -> Any:
    """What JSON has for it: numbers are numbers, days and moments milliseconds of UTC, the rest is text."""
    if value is None or isinstance(value, bool):
        return "-" if as_text and value is None else value if value is None else str(value).lower()
    if isinstance(value, int | float | Decimal):
        return str(value) if as_text else _number(value)
    if isinstance(value, date) and not as_text:
        return _milliseconds(value)
    return str(value)


def _number(value: float | Decimal) -> float | int | None:
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _milliseconds(value: date) -> float:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000


def _lines(drawn: _Drawn, mark: Spec) -> Spec:
    """One series, or one for each colour, or for each of several columns."""
    chart = drawn.chart
    x = drawn.along(chart.x)
    if len(chart.y) == 1:
        y = drawn.amount(chart.y[0])
        tips = drawn.tips((chart.x, *chart.y, drawn.color))
        return {"height": 280, "mark": mark, "encoding": {"x": x, "y": y, "tooltip": tips, **drawn.colour()}}
    layers = [
        {"mark": mark, "encoding": {"y": drawn.amount(name), "color": {"datum": named(name), "legend": drawn.legend()},
                                    "tooltip": drawn.tips((chart.x, name, drawn.color))} | _detail(drawn)}
        for name in chart.y
    ]  # fmt: skip
    return {"height": 280, "layer": layers, "encoding": {"x": x}}


def _detail(drawn: _Drawn) -> Spec:
    if not drawn.color or drawn.count(drawn.color) < 2:
        return {}
    return {"strokeDash": {"field": drawn.field(drawn.color), "type": "nominal", "title": named(drawn.color)}}


def _line(drawn: _Drawn) -> Spec:
    few = len(drawn.result.rows) <= 60
    return _lines(drawn, {"type": "line", "point": few, "strokeWidth": 2 if few else 1.25})


def _area(drawn: _Drawn) -> Spec:
    return _lines(drawn, {"type": "area", "opacity": 0.35 if len(drawn.chart.y) > 1 else 0.75, "line": True})


def _bar(drawn: _Drawn) -> Spec:
    """Upright along time; lying where each has a name, which is then read without turning one's head."""
    chart = drawn.chart
    if len(chart.y) > 1 or chart.line or drawn.kind(chart.x) == "temporal":
        return _upright(drawn)
    y = drawn.along(chart.x, text=True)
    y["axis"] |= {"ticks": False, "domain": False}
    group = {"yOffset": {"field": drawn.field(drawn.color), "sort": None}} if drawn.colour() else {}
    rows = drawn.count(chart.x) * (drawn.count(drawn.color) if group else 1)
    encoding = {"y": y, "x": drawn.amount(chart.y[0]), "tooltip": drawn.tips((chart.x, *chart.y, drawn.color))}
    return {
        "height": max(80, rows * _BAR), "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {**encoding, **group, **drawn.colour()},
    }  # fmt: skip


def _upright(drawn: _Drawn) -> Spec:
    chart = drawn.chart
    x = drawn.along(chart.x, text=drawn.kind(chart.x) != "temporal")
    if drawn.kind(chart.x) == "temporal":
        x = {**x, "type": "ordinal", "sort": None, "timeUnit": _time_unit(drawn)}
        del x["scale"]
        x["axis"] |= {"labelAngle": 0}
    tips = drawn.tips((chart.x, *chart.y, chart.line, drawn.color))
    bars = [_bars(drawn, name, tips) for name in chart.y]
    lines = [_over(drawn, tips)] if chart.line else []
    return {"height": 280, "layer": [*bars, *lines], "encoding": {"x": x}}


def _bars(drawn: _Drawn, name: str, tips: list[Spec]) -> Spec:
    several = {"color": {"datum": named(name)}, "xOffset": {"datum": named(name)}} if len(drawn.chart.y) > 1 else {}
    colour = drawn.colour()
    offset = {"xOffset": {"field": drawn.field(drawn.color), "sort": None}} if colour and not several else {}
    mark = {"type": "bar", "cornerRadiusEnd": 2, "opacity": 0.4 if drawn.chart.line else 1}
    y = drawn.amount(name) | ({"title": None} if drawn.chart.line else {})
    return {"mark": mark, "encoding": {"y": y, "tooltip": tips, **offset, **(several or colour)}}


def _over(drawn: _Drawn, tips: list[Spec]) -> Spec:
    title = ", ".join((*drawn.chart.y, drawn.chart.line))
    encoding = {"y": drawn.amount(drawn.chart.line) | {"title": named(title)}, "tooltip": tips, **drawn.colour()}
    return {"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": encoding}


def _time_unit(drawn: _Drawn) -> str:
    """The coarsest that tells the rows apart, for a bar has a width and no exact place."""
    place = drawn.result.columns.index(drawn.chart.x)
    found = [row[place] for row in drawn.result.rows if row[place] is not None]
    if any(isinstance(one, datetime) and (one.hour or one.minute or one.second) for one in found):
        return "utcyearmonthdatehoursminutes"
    if any(one.day != 1 for one in found):
        return "utcyearmonthdate"
    return "utcyearmonth" if any(one.month != 1 for one in found) else "utcyear"


def _scatter(drawn: _Drawn) -> Spec:
    chart = drawn.chart
    y = drawn.amount(chart.y[0], scale={"zero": False})
    encoding = {"x": drawn.along(chart.x), "y": y, "tooltip": drawn.tips(chart.columns), **drawn.colour()}
    return {"height": 320, "mark": {"type": "point", "filled": True, "opacity": 0.6, "size": 40}, "encoding": encoding}


def _heatmap(drawn: _Drawn) -> Spec:
    chart = drawn.chart
    x, y = (drawn.along(name, text=drawn.kind(name) != "temporal") for name in (chart.x, chart.y[0]))
    for one, name in ((x, chart.x), (y, chart.y[0])):
        if drawn.kind(name) == "temporal":
            one |= {"type": "ordinal", "sort": "ascending", "timeUnit": _unit_of(drawn, name)}
            del one["scale"]
        one["axis"] |= {"ticks": False, "domain": False, "labelAngle": 0}
    color = {"field": drawn.field(drawn.color), "type": "quantitative", "title": named(drawn.color),
             "legend": {"orient": "top", "gradientLength": 160, "gradientThickness": 8}}  # fmt: skip
    encoding = {"x": x, "y": y, "color": color, "tooltip": drawn.tips(chart.columns)}
    return {"height": max(120, drawn.count(chart.y[0]) * 22), "mark": "rect", "encoding": encoding}


def _unit_of(drawn: _Drawn, name: str) -> str:
    return _time_unit(_Drawn(Chart("bar", x=name, y=(name,)), drawn.result, drawn.width))


def _figure(drawn: _Drawn) -> Spec:
    """A number, large, with what it is of below it."""
    chart = drawn.chart
    of = [f"{chart.y[0]}"] if not chart.x else [chart.y[0], f" · {drawn.result.rows[-1][_place(drawn)]}"]
    text = {"field": drawn.field(chart.y[0]), "type": "quantitative", "format": ",~f"}
    left = {"align": "left", "x": 8}
    big = {"mark": {"type": "text", "fontSize": 48, "fontWeight": 600, "y": 44, **left}, "encoding": {"text": text}}
    small = {
        "mark": {"type": "text", "fontSize": 14, "y": 88, **left},
        "encoding": {"text": {"datum": named("".join(of))}},
    }
    return {"height": 110, "layer": [big, small]}


def _place(drawn: _Drawn) -> int:
    return drawn.result.columns.index(drawn.chart.x)


_KINDS = {
    "line": _line, "area": _area, "bar": _bar, "scatter": _scatter, "heatmap": _heatmap, NUMBER: _figure,
}  # fmt: skip


def _config(look: Look) -> Spec:
    axis = {
        "labelColor": look.quiet, "titleColor": look.quiet, "gridColor": look.line, "domainColor": look.line,
        "tickColor": look.line, "titleFontWeight": 400, "labelFontSize": 12, "titleFontSize": 12, "labelPadding": 6,
    }  # fmt: skip
    legend = {"labelColor": look.ink, "titleColor": look.quiet, "titleFontWeight": 400, "labelFontSize": 12}
    ramp, accent = [look.low, look.series[0]], look.series[0]
    ranges = {"category": list(look.series), "heatmap": ramp, "ramp": ramp}
    marks = {name: {"color": accent} for name in ("line", "bar", "area", "point")}
    plain = {"view": {"stroke": None}, "text": {"color": look.ink}}
    return {"font": _FONT, "axis": axis, "legend": legend, "range": ranges, **plain, **marks}
