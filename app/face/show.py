"""Data on stdout: tables within the terminal's width, JSON, and on stderr how old it is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from app.face import values

if TYPE_CHECKING:
    from app.face.base import Face
    from app.reporting import Result


def as_json(value: Any) -> None:
    """One line of JSON; decimals are numbers with exactly their digits."""
    click.echo(values.as_json(value))


def record(fields: Mapping[str, Any]) -> None:
    """One thing: a name and a value on each line."""
    longest = max(map(len, fields), default=0)
    for name, value in fields.items():
        if value is not None:
            shown = values.shown(value, grouped=not values.identifies(name))
            click.echo(f"{name.replace('_', ' '):<{longest}}  {shown}")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows under their columns, within the terminal's width, or 80 columns elsewhere."""
    from app.face import tables
    from app.reporting import Result

    found = [tuple(row) for row in rows]
    types = tuple(_type_of([row[place] for row in found]) for place in range(len(columns)))
    result = Result(tuple(columns), types, found, datetime.now(UTC))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else tables.WIDTH
    text = tables.render(result, "table", width=width, colour=tables.wants_colour(sys.stdout))
    # The last line counts the rows, which only a query's result needs.
    click.echo(text[: text.rstrip("\n").rfind("\n")])


def report(result: Result, title: str) -> None:
    """A report as a table under its title; a currency that is the same in all rows stands in the title."""
    from app.face import tables

    place = result.columns.index("currency") if "currency" in result.columns else None
    currencies = {row[place] for row in result.rows} if place is not None else set()
    if place is not None and len(currencies) == 1:
        title, result = f"{title}, in {currencies.pop()}", _without(result, place)
    click.echo(f"{title}\n")
    tables.write(result, "table", sys.stdout, sys.stderr)


def _without(result: Result, place: int) -> Result:
    return replace(
        result,
        columns=result.columns[:place] + result.columns[place + 1 :],
        types=result.types[:place] + result.types[place + 1 :],
        rows=[row[:place] + row[place + 1 :] for row in result.rows],
    )


def freshness(face: Face, as_of: datetime) -> None:
    """Say on stderr which moment of the source was shown, and how long ago that is."""
    face.say(values.freshness(as_of, datetime.now(UTC)))


def moment(value: datetime) -> str:
    """A point in time in UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _type_of(column: Sequence[Any]) -> str:
    numbers = [value for value in column if isinstance(value, int | float) and not isinstance(value, bool)]
    return "DOUBLE" if numbers and len(numbers) == sum(value is not None for value in column) else "VARCHAR"
