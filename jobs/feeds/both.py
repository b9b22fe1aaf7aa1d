"""The feed of a run: each table is asked of by the one that its entry names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.engine.session import DuckSession
from jobs.feeds.changes import Changes
from jobs.feeds.feed import Feed, News
from jobs.feeds.watermark.feed import WatermarkFeed
from jobs.plan.steps import Step
from jobs.position.watermark import Watermark
from jobs.source.session import SourceSession
from jobs.tables.table import Table

if TYPE_CHECKING:
    from jobs.job import Job


@contextmanager
def opened(job: Job, now: SourceSession, guard: Callable[[Any], object]) -> Iterator[Feed]:
    """The feed of a run whose snapshot is open. Tables that can't be followed are set aside, each with its reason.

    Raises `errors.SchemaMoving` where it takes a new snapshot.
    """
    watermark = WatermarkFeed()
    if not job.settings.reads_log:
        yield watermark
        return
    from jobs.feeds.wal import opening

    log = opening.opened(job, now, guard)
    try:
        yield BothFeeds(watermark, log or watermark)
    finally:
        if log is not None and job.keep is None:
            log.reader.close()


class BothFeeds:
    """Tables by watermark and tables from the log in one run, at one snapshot."""

    def __init__(self, watermark: Feed, log: Feed) -> None:
        self._watermark, self._log = watermark, log

    def _of(self, table: Table) -> Feed:
        return self._log if table.mode.from_log else self._watermark

    def news(self, steps: Iterable[Step], now: SourceSession) -> dict[str, News]:
        """Of each feed's tables."""
        given = list(steps)
        mine = [step for step in given if not step.table.mode.from_log]
        return self._watermark.news(mine, now) | self._log.news((s for s in given if s.table.mode.from_log), now)

    def gather(
        self,
        target: DuckSession,
        step: Step,
        now: SourceSession,
        label: str,
        *,
        force_deletes: bool = False,
        published: Path | None = None,
    ) -> Changes:
        """By the table's feed."""
        feed = self._of(step.table)
        return feed.gather(target, step, now, label, force_deletes=force_deletes, published=published)

    def rows_of(self, step: Step, now: SourceSession) -> str:
        """By the table's feed."""
        return self._of(step.table).rows_of(step, now)

    def settled(self, steps: Iterable[Step], now: SourceSession, looked: Mapping[str, Watermark]) -> list[Step]:
        """By each table's feed, in the order that was given."""
        return [one for step in steps for one in self._of(step.table).settled([step], now, looked)]

    def mark(self, step: Step, now: SourceSession, last: Watermark | None) -> Watermark:
        """By the table's feed."""
        return self._of(step.table).mark(step, now, last)

    def published(self, spare: Iterable[Watermark]) -> None:
        """Only the log is held for the files."""
        self._log.published(spare)

    def quiet(self, looked: Iterable[Watermark], left: Iterable[Watermark]) -> None:
        """Only the log is held for the files."""
        self._log.quiet(looked, left)
