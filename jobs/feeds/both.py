"""The feed of a run: each table is asked of by the one that its entry names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jobs.feeds.changes import Changes, Into
from jobs.feeds.events import place
from jobs.feeds.feed import Feed, News
from jobs.feeds.watermark.feed import WatermarkFeed
from jobs.plan.steps import Step
from jobs.position.watermark import Watermark
from jobs.source.session import SourceSession
from jobs.tables.table import Table

if TYPE_CHECKING:
    from jobs.feeds.events.feed import EventsFeed, Queue
    from jobs.feeds.wal.feed import WalFeed
    from jobs.feeds.wal.told import Told
    from jobs.job import Job


@contextmanager
def opened(job: Job, now: SourceSession, guard: Callable[[Any], object]) -> Iterator[Feed]:
    """The feed of a run whose snapshot is open. Tables that can't be followed are set aside, each with its reason.

    Raises `errors.SchemaMoving` where it takes a new snapshot.
    """
    watermark = WatermarkFeed()
    if not (job.settings.reads_log or job.settings.reads_events):
        yield watermark
        return
    log, events = _log(job, now, guard), None
    try:
        events = _events(job, now)
        yield Feeds(watermark, log or watermark, events or watermark)
    finally:
        if log is not None and job.sessions is None:
            log.reader.close()
        if events is not None:
            events.close()


def _log(job: Job, now: SourceSession, guard: Callable[[Any], object]) -> WalFeed | None:
    if not job.settings.reads_log:
        return None
    from jobs.feeds.wal import opening

    return opening.opened(job, now, guard)


def _events(job: Job, now: SourceSession) -> EventsFeed | None:
    if not job.settings.reads_events:
        return None
    from jobs.feeds.events import opening

    return opening.opened(job, now)


class Feeds:
    """Tables of each feed in one run, at one snapshot."""

    def __init__(self, watermark: Feed, log: Feed, events: Feed) -> None:
        self._watermark, self._log, self._events = watermark, log, events

    @property
    def queue(self) -> Queue | None:
        """Where events come from, if anything follows them in this run."""
        return getattr(self._events, "queue", None)

    def _of(self, table: Table) -> Feed:
        if table.mode.from_log:
            return self._log
        return self._events if table.from_events else self._watermark

    def news(self, steps: Iterable[Step], now: SourceSession) -> dict[str, News]:
        """Of each feed's tables."""
        given, by_table = list(steps), dict[str, News]()
        for feed in (self._watermark, self._log, self._events):
            mine = [step for step in given if self._of(step.table) is feed]
            by_table |= feed.news(mine, now) if mine else {}
        return by_table

    def gather(self, into: Into, step: Step, now: SourceSession) -> Changes:
        """By the table's feed."""
        return self._of(step.table).gather(into, step, now)

    def rows_of(self, step: Step, now: SourceSession) -> str:
        """By the table's feed."""
        return self._of(step.table).rows_of(step, now)

    def commits(self, table: Table, since: Watermark, now: SourceSession) -> Told | None:
        """What each commit did to a table that the log tells of; None of one that it doesn't."""
        asked = getattr(self._of(table), "commits", None)
        return asked(table, since, now) if asked else None

    def settled(self, steps: Iterable[Step], now: SourceSession, looked: Mapping[str, Watermark]) -> list[Step]:
        """By each table's feed, in the order that was given."""
        return [one for step in steps for one in self._of(step.table).settled([step], now, looked)]

    def next_watermark(self, step: Step, now: SourceSession, last: Watermark | None) -> Watermark:
        """By the table's feed."""
        return self._of(step.table).next_watermark(step, now, last)

    def published(self, spare: Iterable[Watermark]) -> None:
        """Only the log is held for the files."""
        self._log.published(_of_log(spare))

    def quiet(self, looked: Iterable[Watermark], watermarks: Iterable[Watermark]) -> None:
        """Only the log is held for the files."""
        self._log.quiet(_of_log(looked), _of_log(watermarks))


def _of_log(watermarks: Iterable[Watermark]) -> list[Watermark]:
    return [one for one in watermarks if not place.is_of(one)]
