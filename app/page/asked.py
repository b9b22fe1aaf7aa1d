"""One question with its rows, as a page shows them: sorted, a part at a time, and never all of a million."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app import errors
from app.charts import choice
from app.page.reader import Reader
from app.queries.parameters import Value
from app.reporting.result import Result
from app.reporting.store import Store
from jobs import quoting

# Rows that are held of one result: what a picture can show. Beyond them DuckDB sorts and skips.
HELD = choice.MOST_MARKS
PART = 100
Parameters = Mapping[str, Value]


@dataclass(frozen=True)
class Question:
    """SQL with its values; `title` says what it is."""

    title: str
    sql: str
    params: Parameters | tuple[()] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others."""
        return (self.sql, tuple(sorted(self.params.items())) if self.params else ())


@dataclass(frozen=True)
class Held:
    """The first rows of an answer, and whether there are more."""

    result: Result
    more: bool

    @property
    def weight(self) -> int:
        """How many values it holds."""
        return len(self.result.rows) * max(1, len(self.result.columns))


@dataclass(frozen=True)
class Part:
    """Some rows of an answer, from `start` on; `total` is None where nobody has counted."""

    result: Result
    start: int
    total: int | None
    more: bool


def held(reader: Reader, question: Question) -> Held:
    """The first rows, asked for once for each run."""

    def work(store: Store) -> Held:
        return Held(*store.first(question.sql, question.params, most=HELD))

    return reader.once(("held", *question.key), work)


def part(reader: Reader, question: Question, *, sort: str = "", down: bool = False, start: int = 0, most: int) -> Part:
    """The rows from `start` on, sorted by a column where one is named. Raises `errors.UsageError` for no column."""
    result = held(reader, question)
    if sort and sort not in result.result.columns:
        raise errors.UsageError(f"there is no column {sort!r} to sort by", hint=", ".join(result.result.columns))
    if not result.more:
        rows = _sorted(result.result, sort, down)[start : start + most]
        total = len(result.result.rows)
        return Part(replace(result.result, rows=rows), start, total, start + most < total)
    if not sort and start + most <= HELD:
        return Part(replace(result.result, rows=result.result.rows[start : start + most]), start, None, True)
    return _asked(reader, question, result.result, sort, down, start, most)


def _sorted(result: Result, sort: str, down: bool) -> list[tuple[Any, ...]]:
    """NULL comes last either way; what Python can't compare is compared as text."""
    if not sort:
        return result.rows
    place = result.columns.index(sort)
    known = [row for row in result.rows if row[place] is not None]
    try:
        known.sort(key=lambda row: row[place], reverse=down)
    except TypeError:
        known.sort(key=lambda row: str(row[place]), reverse=down)
    return known + [row for row in result.rows if row[place] is None]


def _asked(reader: Reader, question: Question, known: Result, sort: str, down: bool, start: int, most: int) -> Part:
    """DuckDB sorts and skips what is more than can be held."""
    places = ", ".join(f"c{place}" for place in range(len(known.columns)))
    names = ", ".join(f"c{place} AS {quoting.identifier(name)}" for place, name in enumerate(known.columns))
    order = f"ORDER BY c{known.columns.index(sort)} {'DESC' if down else 'ASC'} NULLS LAST" if sort else ""
    sql = (
        f"SELECT {names} FROM (\n{question.sql}\n) AS q({places}) {order} "  # noqa: S608  judged by the store
        f"LIMIT {most + 1} OFFSET {start}"
    )

    def work(store: Store) -> Held:
        return Held(*store.first(sql, question.params, most=most))

    answer = reader.once(("part", sql, *question.key), work)
    return Part(answer.result, start, None, answer.more)
