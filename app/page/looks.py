"""From data to HTML: the templates, with all that they need to show a value. Everything is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import jinja2

from app import escapes
from app.face import cells, values
from app.reporting.result import Result
from jobs.init import choice


@cache
def environment() -> jinja2.Environment:
    """The templates of this package; a name that is missing is an error."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("app.page", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(
        grouped=grouped, seconds=seconds, age=values.age, size=choice.size, moment=moment, clock=clock,
        machine=machine, visible=escapes.visible,
    )  # fmt: skip
    return templates


def page(name: str, **data: Any) -> str:
    """One page."""
    return environment().get_template(name).render(**data)


def grouped(number: float | None) -> str:
    """`8,373`; a dash for what nobody knows."""
    return values.shown(number)


def seconds(span: float | None) -> str:
    """A span as people say it: `96 ms`, `1.2 s`, `3 min`."""
    if span is None:
        return "-"
    if span < 1:
        return f"{span * 1000:.0f} ms"
    return f"{span:.1f} s" if span < 120 else values.age(span)


def moment(value: datetime | None) -> str:
    """A point in time in UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if value else "-"


def clock(value: datetime | None) -> str:
    """The same without the date."""
    return f"{value.astimezone(UTC):%H:%M:%S}" if value else "-"


def machine(value: datetime | None) -> str:
    """The same for a machine."""
    return value.astimezone(UTC).isoformat() if value else ""


class Cell:
    """A value as text, and for a number also its digits, which a reader's language groups in its own way."""

    def __init__(self, text: str, value: Any, *, number: bool, grouped: bool) -> None:
        self.text, self.null = text, value is None
        exact = isinstance(value, int | Decimal) and not isinstance(value, bool)
        self.digits = text.replace(",", "") if number and grouped and exact and not self.null else ""


def rows(result: Result) -> list[list[Cell]]:
    """The cells of a result, row by row."""
    described = list(zip(result.columns, result.types, strict=True))
    columns = [_column(name, kind, [row[place] for row in result.rows]) for place, (name, kind) in enumerate(described)]
    return [list(row) for row in zip(*columns, strict=True)] if columns else []


def _column(name: str, kind: str, amounts: Sequence[Any]) -> list[Cell]:
    is_grouped = not values.identifies(name)
    texts = cells.of_column(kind, amounts, grouped=is_grouped)
    number = values.is_number(kind)
    return [Cell(text, value, number=number, grouped=is_grouped) for text, value in zip(texts, amounts, strict=True)]


def heads(result: Result) -> list[dict[str, Any]]:
    """The names of the columns, and which of them are numbers."""
    return [
        {"name": name, "shown": values.shown(name), "type": kind, "number": values.is_number(kind)}
        for name, kind in zip(result.columns, result.types, strict=True)
    ]


def sparkline(numbers: Sequence[float]) -> str:
    """Points of a line, 100 wide and 20 high."""
    most = max(numbers, default=0) or 1
    step = 100 / max(1, len(numbers) - 1)
    return " ".join(f"{place * step:.1f},{20 - 18 * value / most:.1f}" for place, value in enumerate(numbers))
