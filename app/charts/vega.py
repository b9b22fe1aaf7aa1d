"""A picture as a Vega-Lite specification: plain data, in which names and values are never more than text."""

from __future__ import annotations

from app.charts import look as looks
from app.charts.chart import NUMBER, Chart
from app.charts.drawn import Drawn, Spec, named
from app.charts.look import LIGHT, Look
from app.reporting.result import Result

_BAR = 24


def spec(chart: Chart, result: Result, *, title: str = "", width: int = 720, look: Look = LIGHT) -> Spec:
    """The whole specification; `width` in pixels is that of the picture, axes and all.

    A narrower one has fewer labels, not smaller ones.
    """
    drawn = Drawn(chart, result, width)
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
        "config": looks.config(look),
    }


def said(chart: Chart) -> str:
    """The picture in a sentence, for who can't see it."""
    what = " and ".join(chart.y) if chart.kind != "heatmap" else f"{chart.color[0]} by {chart.y[0]}"
    kind = chart.kind.capitalize()
    by = f" by {chart.x}" if chart.x else ""
    apart = f", told apart by {chart.color[0]}" if chart.color and chart.kind != "heatmap" else ""
    return f"{kind}: {what}{by}{apart}"


def _lines(drawn: Drawn, shape: Spec) -> Spec:
    """One series, or one for each colour, or for each of several columns."""
    chart = drawn.chart
    x = drawn.along(chart.x)
    if len(chart.y) == 1:
        y = drawn.amount(chart.y[0])
        tips = drawn.tips((chart.x, *chart.y, drawn.color))
        return {"height": 280, "mark": shape, "encoding": {"x": x, "y": y, "tooltip": tips, **drawn.colour()}}
    layers = [
        {"mark": shape, "encoding": {"y": drawn.amount(name), "color": {"datum": named(name), "legend": drawn.legend()},
                                    "tooltip": drawn.tips((chart.x, name, drawn.color))} | _detail(drawn)}
        for name in chart.y
    ]  # fmt: skip
    return {"height": 280, "layer": layers, "encoding": {"x": x}}


def _detail(drawn: Drawn) -> Spec:
    if not drawn.color or drawn.count(drawn.color) < 2:
        return {}
    return {"strokeDash": {"field": drawn.field(drawn.color), "type": "nominal", "title": named(drawn.color)}}


def _line(drawn: Drawn) -> Spec:
    few = len(drawn.result.rows) <= 60
    return _lines(drawn, {"type": "line", "point": few, "strokeWidth": 2 if few else 1.25})


def _area(drawn: Drawn) -> Spec:
    return _lines(drawn, {"type": "area", "opacity": 0.35 if len(drawn.chart.y) > 1 else 0.75, "line": True})


def _bar(drawn: Drawn) -> Spec:
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


def _upright(drawn: Drawn) -> Spec:
    chart = drawn.chart
    x = drawn.along(chart.x, text=drawn.kind(chart.x) != "temporal")
    if drawn.kind(chart.x) == "temporal":
        x = {**x, "type": "ordinal", "sort": None, "timeUnit": drawn.time_unit(chart.x)}
        del x["scale"]
        x["axis"] |= {"labelAngle": 0}
    tips = drawn.tips((chart.x, *chart.y, chart.line, drawn.color))
    bars = [_bars(drawn, name, tips) for name in chart.y]
    lines = [_over(drawn, tips)] if chart.line else []
    return {"height": 280, "layer": [*bars, *lines], "encoding": {"x": x}}


def _bars(drawn: Drawn, name: str, tips: list[Spec]) -> Spec:
    several = {"color": {"datum": named(name)}, "xOffset": {"datum": named(name)}} if len(drawn.chart.y) > 1 else {}
    colour = drawn.colour()
    offset = {"xOffset": {"field": drawn.field(drawn.color), "sort": None}} if colour and not several else {}
    mark = {"type": "bar", "cornerRadiusEnd": 2, "opacity": 0.4 if drawn.chart.line else 1}
    y = drawn.amount(name) | ({"title": None} if drawn.chart.line else {})
    return {"mark": mark, "encoding": {"y": y, "tooltip": tips, **offset, **(several or colour)}}


def _over(drawn: Drawn, tips: list[Spec]) -> Spec:
    title = ", ".join((*drawn.chart.y, drawn.chart.line))
    encoding = {"y": drawn.amount(drawn.chart.line) | {"title": named(title)}, "tooltip": tips, **drawn.colour()}
    return {"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": encoding}


def _scatter(drawn: Drawn) -> Spec:
    chart = drawn.chart
    y = drawn.amount(chart.y[0], scale={"zero": False})
    encoding = {"x": drawn.along(chart.x), "y": y, "tooltip": drawn.tips(chart.columns), **drawn.colour()}
    return {"height": 320, "mark": {"type": "point", "filled": True, "opacity": 0.6, "size": 40}, "encoding": encoding}


def _heatmap(drawn: Drawn) -> Spec:
    chart = drawn.chart
    x, y = (drawn.along(name, text=drawn.kind(name) != "temporal") for name in (chart.x, chart.y[0]))
    for one, name in ((x, chart.x), (y, chart.y[0])):
        if drawn.kind(name) == "temporal":
            one |= {"type": "ordinal", "sort": "ascending", "timeUnit": drawn.time_unit(name)}
            del one["scale"]
        one["axis"] |= {"ticks": False, "domain": False, "labelAngle": 0}
    color = {"field": drawn.field(drawn.color), "type": "quantitative", "title": named(drawn.color),
             "legend": {"orient": "top", "gradientLength": 160, "gradientThickness": 8}}  # fmt: skip
    encoding = {"x": x, "y": y, "color": color, "tooltip": drawn.tips(chart.columns)}
    return {"height": max(120, drawn.count(chart.y[0]) * 22), "mark": "rect", "encoding": encoding}


def _figure(drawn: Drawn) -> Spec:
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


def _place(drawn: Drawn) -> int:
    return drawn.result.columns.index(drawn.chart.x)


_KINDS = {
    "line": _line, "area": _area, "bar": _bar, "scatter": _scatter, "heatmap": _heatmap, NUMBER: _figure,
}  # fmt: skip
