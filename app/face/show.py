"""Data on stdout: tables within the terminal's width, JSON, and on stderr how old it is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
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
            click.echo(f"{name:<{longest}}  {shown}")


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


def report(result: Result, title: str, now: datetime) -> None:
    """A report as a table under its title; where it tells currencies apart, one table for each."""
    from app.face import tables

    for place, (part, name) in enumerate(_by_currency(result)):
        if place:
            click.echo()
        click.echo(f"{title}{name}\n")
        tables.write(part, "table", sys.stdout, sys.stderr, now=now)


def _by_currency(result: Result) -> list[tuple[Result, str]]:
    """Amounts of two currencies don't compare, and a column that says the same in every row takes up room."""
    if "currency" not in result.columns or not result.rows:
        return [(result, "")]
    place = result.columns.index("currency")
    found = dict.fromkeys(row[place] for row in result.rows)
    return [(_only(result, place, name), f", {name}") for name in found]


def _only(result: Result, place: int, value: object) -> Result:
    return replace(
        result,
        columns=_without(result.columns, place),
        types=_without(result.types, place),
        rows=[_without(row, place) for row in result.rows if row[place] == value],
    )


def _without(whole: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return whole[:place] + whole[place + 1 :]


def freshness(face: Face, as_of: datetime) -> None:
    """Say on stderr which moment of the source was shown, and how long ago that is."""
    face.say(values.freshness(as_of, face.now()))


def moment(value: datetime) -> str:
    """A point in time in UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _type_of(column: Sequence[Any]) -> str:
    numbers = [value for value in column if isinstance(value, int | float | Decimal) and not isinstance(value, bool)]
    return "DOUBLE" if numbers and len(numbers) == sum(value is not None for value in column) else "VARCHAR"
