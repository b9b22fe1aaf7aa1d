"""A chart with the rows that it draws: their values, and each column as an axis, a colour or a tooltip.

Columns are called c0, c1, … in it: Vega reads a name with dots or brackets as a path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.charts.chart import NUMBER, Chart
from app.reporting import columns
from app.reporting.result import Result

Spec = dict[str, Any]
_NARROW = 480
_HOURS = "utcyearmonthdatehours"


def named(text: str) -> str:
    """A name as Vega-Lite may have it: it puts titles into expressions, where a backslash would end their quotes."""
    return "".join(char if char.isprintable() else " " for char in text).replace("\\", "\N{REVERSE SOLIDUS OPERATOR}")


class Drawn:
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
        column_type = self._type(name)
        if columns.is_number(column_type):
            return "quantitative"
        return "temporal" if columns.is_time(column_type) and self._real_times(name) else "nominal"

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
        channel: Spec = {"field": self.field(name), "type": kind, "title": named(name), "axis": axis}
        if kind == "temporal":
            return channel | {"scale": {"type": "utc"}}
        return channel | ({"sort": None} if kind == "ordinal" else {"scale": {"zero": False}})

    def amount(self, name: str, **more: Any) -> Spec:
        """The axis of an amount."""
        axis = {"tickCount": 4 if self.narrow else 6, "format": ",~f" if self._small(name) else "~s"}
        return {"field": self.field(name), "type": "quantitative", "title": named(name), "axis": axis, **more}

    def _small(self, name: str) -> bool:
        """Whether its numbers can be written out: `12,000`, not `12k`; and not `0`, for what is smaller than that."""
        place = self.result.columns.index(name)
        numbers = [abs(float(row[place])) for row in self.result.rows if isinstance(row[place], int | float | Decimal)]
        most = max([one for one in numbers if math.isfinite(one)], default=0.0)
        return 0.01 <= most < (10_000 if self.narrow else 10_000_000)

    def time_unit(self, name: str) -> str:
        """The coarsest that tells the rows apart, for a bar has a width and no exact place."""
        place = self.result.columns.index(name)
        times = [row[place] for row in self.result.rows if row[place] is not None]
        if any(isinstance(one, datetime) and (one.hour or one.minute or one.second) for one in times):
            return "utcyearmonthdatehoursminutes"
        if any(one.day != 1 for one in times):
            return "utcyearmonthdate"
        return "utcyearmonth" if any(one.month != 1 for one in times) else "utcyear"

    def tips(self, names: Sequence[str]) -> list[Spec]:
        return [self._tip(name) for name in dict.fromkeys(filter(None, names))]

    def _tip(self, name: str) -> Spec:
        kind = self.kind(name)
        form = {"quantitative": {"format": ",~f"}, "temporal": {"format": "%Y-%m-%d", "timeUnit": _HOURS}}.get(kind, {})
        return {"field": self.field(name), "type": kind, "title": named(name), **form}


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
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _milliseconds(value: date) -> float:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
