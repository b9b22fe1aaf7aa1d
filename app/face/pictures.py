"""A result as a picture in a file: SVG, PNG, or an HTML page with the picture and the rows."""

from __future__ import annotations

from datetime import UTC

from app import errors
from app.charts import choice, picture, vega
from app.charts.chart import Chart
from app.charts.drawn import Spec
from app.face import cells, values
from app.reporting.result import Result

_WIDTH = 960
# More rows than that in one page would only make it slow; a spreadsheet is for those.
_MOST_ROWS = 1000


def made(result: Result, wanted: Chart | None, kind: str, title: str) -> bytes:
    """The file's bytes. Raises `errors.UsageError` where nothing says how the rows could be drawn."""
    chosen = choice.chosen(result, wanted, where=title)
    spec = vega.spec(*chosen, title=title, width=_WIDTH) if chosen else None
    if kind == "html":
        return _page(result, spec, title).encode()
    if spec is None:
        raise errors.UsageError(
            f"nothing says how to draw {title!r}",
            hint="say it in the head, like `-- chart: line x=month y=net`; an .html file shows the table",
        )
    return picture.svg(spec).encode() if kind == "svg" else picture.png(spec)


def _page(result: Result, spec: Spec | None, title: str) -> str:
    shown = result.rows[:_MOST_ROWS]
    columns = [
        cells.of_column(kind, [row[place] for row in shown], grouped=not values.identifies(name))
        for place, (name, kind) in enumerate(zip(result.columns, result.types, strict=True))
    ]
    numbers = [values.is_number(kind) for kind in result.types]
    names = [values.shown(name) for name in result.columns]
    rows = list(zip(*columns, strict=True)) if columns else []
    return picture.html(spec, title=title, lead=_lead(result), table=picture.Table(names, numbers, rows))


def _lead(result: Result) -> str:
    count = len(result.rows)
    part = f"the first {_MOST_ROWS:,} of {count:,} rows" if count > _MOST_ROWS else f"{count:,} rows"
    return f"{part}, as of {result.as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
