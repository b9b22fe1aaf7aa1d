"""Data on stdout: tables within the terminal's width, JSON, and on stderr how old it is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from app import escapes
from app.face import terminal, values

if TYPE_CHECKING:
    from app.face.base import Face
    from app.reporting.result import Result
    from jobs.job import Job


# What a word says that stands for how something is.
_COLOURS = {
    "ok": "green",
    "equal": "green",
    "warn": "yellow",
    "paused": "yellow",
    "ended": "yellow",
    "fail": "red",
    "failed": "red",
    "missing": "red",
    "died": "red",
    "different": "red",
}


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


def server(fields: Mapping[str, Any], *, json: bool) -> None:
    """What is known of an embedded server; its numbers name something, so they are shown as they are."""
    if json:
        as_json(fields)
        return
    record({name: str(value) if name in ("pid", "port") and value else value for name, value in fields.items()})


@dataclass(frozen=True)
class Look:
    """What lines have to fit: columns, lines (None for as many as there are), and whether colours are wanted."""

    width: int
    height: int | None = None
    colour: bool = False

    def painted(self, text: str, word: str = "") -> str:
        """The text in the colour of what it says, or of what `word` does."""
        colour = _COLOURS.get(word or text)
        shown = escapes.visible(text)
        return click.style(shown, fg=colour) if colour and self.colour else shown


def look(*, height: bool = False) -> Look:
    """What the terminal gives; elsewhere 80 columns without colours."""
    columns, lines = shutil.get_terminal_size() if sys.stdout.isatty() else (terminal.WIDTH, 0)
    return Look(columns, lines if height and lines else None, terminal.wants_colour(sys.stdout))


def lines(texts: Iterable[str]) -> None:
    """Lines on stdout, as far as its encoding can say them."""
    for line in texts:
        click.echo(terminal.encodable(escapes.coloured(line), sys.stdout), color=terminal.wants_colour(sys.stdout))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], spare: Sequence[str] = ()) -> None:
    """Rows under their columns, within the terminal's width, or 80 columns elsewhere; `spare` as in `drawn`."""
    lines(drawn(columns, rows, look(), spare))


def drawn(columns: Sequence[str], rows: Iterable[Sequence[Any]], look: Look, spare: Sequence[str] = ()) -> list[str]:
    """The lines of a table. Columns named in `spare` are left out, the first one first, before anything is wrapped."""
    from app.face import cells, tables, widths

    records = [tuple(row) for row in rows]
    kinds = [_type_of([row[place] for row in records]) for place in range(len(columns))]
    texts = {
        name: cells.of_column(kind, [row[place] for row in records], grouped=not values.identifies(name))
        for place, (name, kind) in enumerate(zip(columns, kinds, strict=True))
    }
    left = [name for name in spare if name in texts]
    while left and widths.needed(list(texts), list(texts.values())) > look.width:
        del texts[left.pop(0)]
    shown_kinds = [kind for name, kind in zip(columns, kinds, strict=True) if name in texts]
    whole = list(texts.values())
    return tables.grid(
        list(texts), shown_kinds, whole, width=look.width, colour=look.colour, styles=_COLOURS
    ).splitlines()


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
    currencies = dict.fromkeys(row[place] for row in result.rows)
    return [(_only(result, place, name), f", {name}") for name in currencies]


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


def clock(value: datetime, now: datetime) -> str:
    """The same without the date, where that is today's."""
    same_day = value.astimezone(UTC).date() == now.astimezone(UTC).date()
    return f"{value.astimezone(UTC):%H:%M:%S} UTC" if same_day else moment(value)


def place(job: Job) -> str:
    """The source's database and server, without who asks."""
    from jobs.source.connection import Source

    if job.parts:
        return ", ".join(f"{one.part or '[source]'} ({place(one)})" for one in job.parts if one.away is None)
    parts = Source.of(job).parts()
    return f"{parts.get('dbname', 'the database')} on {parts.get('host', 'localhost')}:{parts.get('port', '5432')}"


def counted(number: int, noun: str) -> str:
    """`1 row`, `8,373 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _type_of(column: Sequence[Any]) -> str:
    numbers = [value for value in column if isinstance(value, int | float | Decimal) and not isinstance(value, bool)]
    return "DOUBLE" if numbers and len(numbers) == sum(value is not None for value in column) else "VARCHAR"
