"""The feed that needs nothing running: rows by their stamps, keys by the tombstones that triggers leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobs.feeds.changes import Changes, Into
from jobs.feeds.feed import News
from jobs.feeds.watermark import gather, probe
from jobs.plan.steps import Step
from jobs.position.watermark import Watermark
from jobs.source.session import SourceSession


class WatermarkFeed:
    """See `jobs.feeds.feed.Feed`; what is read of one table is said in `gather`."""

    def news(self, steps: Iterable[Step], now: SourceSession) -> dict[str, News]:
        """Asked of the source, in two round trips for all tables."""
        return probe.ask(now.conn, steps, now.snapshot)

    def gather(self, into: Into, step: Step, now: SourceSession) -> Changes:
        """Of a table that is compared whole, all of it."""
        return gather.gather(into, step, now.snapshot)

    def settled(self, steps: Iterable[Step], now: SourceSession, looked: Mapping[str, Watermark]) -> list[Step]:
        """The source tells of changes for as long as `jobs.plan` takes them for told."""
        return list(steps)

    def next_watermark(self, step: Step, now: SourceSession, last: Watermark | None) -> Watermark:
        """With the floor of this run."""
        return now.next_watermark(last)

    def published(self, spare: Iterable[Watermark]) -> None:
        """Nobody holds anything back for the files."""

    def quiet(self, looked: Iterable[Watermark], watermarks: Iterable[Watermark]) -> None:
        """The same."""

    def rows_of(self, step: Step, now: SourceSession) -> str:
        """The rule of `jobs.position.watermark`, and the entry's own conditions."""
        return probe.rows_of(step, now.snapshot)
