"""How pictures look: their colours and their type, whatever they draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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


def config(look: Look) -> dict[str, Any]:
    """The part of a Vega-Lite specification that says so."""
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
