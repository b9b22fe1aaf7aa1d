"""The seam between a run and the ways to find out what changed since a file's watermarks.

A feed says which tables have news and which of their rows are new or gone. The rows themselves are read in the run's
snapshot, whatever feed told of them, so types, masks, filters, verify and apply know nothing of feeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from jobs.feeds.changes import Changes, Into
from jobs.plan.steps import DELTA, FULL, Step
from jobs.position.watermark import Watermark
from jobs.source.session import SourceSession


@dataclass(frozen=True)
class News:
    """What a table may have: written rows, deleted keys, a TRUNCATE. True may be a false alarm, False never is."""

    rows: bool
    gone: bool
    truncated: bool

    def __bool__(self) -> bool:
        return self.rows or self.gone or self.truncated


# Why a table is copied anew that could have been followed.
UNCOVERED = "the log since its last copy was lost"
PURGED = "events since the last run were purged"
QUIET, ALL = News(False, False, False), News(True, True, False)
# News by table and the watermark since which it was asked for.
Known = dict[tuple[str, Watermark | None], News]


class UnreadableKeys(Exception):
    """A recorded key can't be read any more, its type having changed since: the table's keys are to be compared."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


class Feed(Protocol):
    """One way to find out what changed."""

    def news(self, steps: Iterable[Step], now: SourceSession) -> dict[str, News]:
        """The news of each table by name, as of the snapshot. Tables that are no deltas are always news."""

    def gather(self, into: Into, step: Step, now: SourceSession) -> Changes:
        """Read what changed. Raises `errors.TooManyDeletes` and `UnreadableKeys`."""

    def settled(self, steps: Iterable[Step], now: SourceSession, looked: Mapping[str, Watermark]) -> list[Step]:
        """The steps; a table whose changes are not told any more is copied anew.

        `looked` are later watermarks of tables that had no news until then.
        """

    def next_watermark(self, step: Step, now: SourceSession, last: Watermark | None) -> Watermark:
        """The watermark that a table has after this run; `last` is the one before, None of one that is copied anew."""

    def published(self, spare: Iterable[Watermark]) -> None:
        """A file was published; the other one has these watermarks, and tables that this run left have them in both."""

    def quiet(self, looked: Iterable[Watermark], watermarks: Iterable[Watermark]) -> None:
        """Nothing had changed, and `looked` was noted beside the file; `watermarks` are those of all other tables."""

    def rows_of(self, step: Step, now: SourceSession) -> str:
        """PostgreSQL's condition for the rows that the step reads; `true` where that is all of the table."""


def with_news(feed: Feed, steps: Iterable[Step], now: SourceSession, known: Known | None = None) -> list[Step]:
    """The steps with their tables' news; a table that was truncated is copied anew.

    `known` is news by table and watermark that was asked for in this snapshot already.
    """
    given, before = list(steps), known or {}
    asked = [step for step in given if step.action != DELTA or (step.table.name, step.since) not in before]
    by_place = before | known_of(asked, feed.news(asked, now))
    return [
        replace(step, action=FULL, reason="truncated") if news.truncated else replace(step, news=news)
        for step, news in ((step, by_place[_place(step)]) for step in given)
    ]


def known_of(steps: Iterable[Step], news: dict[str, News]) -> Known:
    """News of these steps by table and watermark."""
    return {_place(step): news[step.table.name] for step in steps}


def _place(step: Step) -> tuple[str, Watermark | None]:
    return step.table.name, step.since if step.action == DELTA else None
