"""The feed that reads the log: the keys that changed come from a slot's stream, their rows from the run's snapshot.

The stream is read until all has come that commits before the snapshot. Of that, what the snapshot does not see stays
for the next run. A file's watermark says below which position it has everything; the server is told so only when both
files have it, and what it then sends again after a kill is seen by the file's snapshot, and left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app import errors, statements
from jobs.feeds import by_key
from jobs.feeds.by_key import Key
from jobs.feeds.changes import Changes, Into
from jobs.feeds.feed import ALL, UNCOVERED, News, UnreadableKeys
from jobs.feeds.wal import place
from jobs.feeds.wal.log import Changed
from jobs.feeds.wal.place import Place
from jobs.feeds.wal.reader import LogReader
from jobs.feeds.wal.told import Told
from jobs.feeds.watermark.feed import WatermarkFeed
from jobs.plan.steps import DELTA, FULL, WHOLE, Step
from jobs.position.watermark import Watermark
from jobs.source.session import SourceSession
from jobs.tables import filters
from jobs.tables.published import Publication
from jobs.tables.table import Table

ANEW = "it, or a partition of it, was published anew"
MANY = "more changed than is read by key"
# What may be held for a file that nobody reads, or a table that can't be read, while others go on; and while nothing
# changes at all. Beyond it the spare file begins as a copy of the published one, and the table is copied anew.
BEARABLE, IDLE = 2**30, 16 * 2**20


class WalFeed:
    """See `jobs.feeds.feed.Feed`; for the tables that have their changes from the log."""

    def __init__(self, reader: LogReader, publication: Publication, reached: int) -> None:
        self.reader, self._publication, self._reached = reader, publication, reached
        self._read = reader.read
        self._whole = WatermarkFeed()
        self._known: dict[tuple[str, str], Changed] = {}
        # Tables that have no gap, also where their files are so old that the log alone would not say so.
        self._gapless: set[str] = set()

    def settled(self, steps: Iterable[Step], now: SourceSession, looked: Mapping[str, Watermark]) -> list[Step]:
        """The steps; what the log does not tell any more is copied anew.

        `looked` are later watermarks of tables that had no news until then.
        """
        return [self._decided(step, now, looked.get(step.table.name)) for step in steps]

    def news(self, steps: Iterable[Step], now: SourceSession) -> dict[str, News]:
        """From what the stream has told."""
        return {step.table.name: self._news(step, now) for step in steps}

    def gather(self, into: Into, step: Step, now: SourceSession) -> Changes:
        """By key; where the keys are not known, or can't be read any more, all of the table."""
        keys = None if step.unreadable else self._keys(step, now)
        if keys is None:
            whole = replace(step, action=WHOLE, unreadable=False, news=ALL)
            return self._whole.gather(into, whole, now)
        try:
            return by_key.gather(into, step.table, keys)
        except errors.NeaptideError as error:
            if not by_key.is_of_a_key(error, now.conn, step.table, keys):
                raise
            raise UnreadableKeys(step.table.name) from error

    def rows_of(self, step: Step, now: SourceSession) -> str:
        """The rows of the keys."""
        belongs = filters.belongs(step.table)
        keys = self._keys(step, now)
        if keys is None:
            return belongs or "true"
        return filters.both(" OR ".join(by_key.conditions(step.table, keys)) or "false", belongs)

    def next_watermark(self, step: Step, now: SourceSession, last: Watermark | None) -> Watermark:
        """With the position below which the run's snapshot sees all."""
        version = self._publication.version(step.table)
        return replace(
            now.next_watermark(last), log=Place(self._reached, version, self._untold(step, now), self._read).as_text()
        )

    def published(self, spare: Iterable[Watermark]) -> None:
        """Confirm what both files have, each of its tables."""
        oldest = min([self._reached, *(one.reached for one in map(place.of, spare) if one)])
        bearable = self._reached - oldest <= BEARABLE
        self.reader.confirm(oldest if bearable else self._reached)

    def quiet(self, looked: Iterable[Watermark], watermarks: Iterable[Watermark]) -> None:
        """Nothing changed, and how far the published file is known to have all was noted: let no log pile up.

        `watermarks` are the watermarks of tables in which nobody could look.
        """
        reached = [one.reached for one in map(place.of, looked) if one]
        bearable = BEARABLE if any(map(place.of, watermarks)) else IDLE
        if reached and self.reader.behind > bearable:
            self.reader.confirm(min(reached))

    def commits(self, table: Table, since: Watermark, now: SourceSession) -> Told | None:
        """What each commit did to the table's rows since that watermark; None where the log does not tell that."""
        start = place.of(since)
        if start is None or start.untold or start.version != self._publication.version(table):
            return None
        covered = start.reached >= self.reader.log.since and now.snapshot.age_is_safe(since.snapshot)
        if not covered and table.name not in self._gapless:
            return None
        relids = self._publication.holders(table)
        read = max(start.reached, start.read)
        news = self.reader.log.transactions(relids, since.snapshot, read, now.snapshot)
        return Told(table, relids, [one for one in news if one.commit < self._read])

    def _decided(self, step: Step, now: SourceSession, looked: Watermark | None) -> Step:
        if step.action != DELTA or step.saved is None:
            return step
        reason = self._gap(step, now)
        if reason and looked is not None:
            later = replace(step, saved=replace(step.saved, watermark=looked))
            if not self._gap(later, now):
                step, reason = later, ""
        if not reason and self._changed(step, now).keys is None:
            reason = MANY
        if not reason:
            self._gapless.add(step.table.name)
        return replace(step, action=FULL, reason=reason) if reason else step

    def _gap(self, step: Step, now: SourceSession) -> str:
        """Why the log does not tell all that changed since the file's watermark; empty where it does."""
        start = place.of(step.since)
        if start is None or start.reached < self.reader.log.since or not now.snapshot.age_is_safe(step.since.snapshot):
            return UNCOVERED
        return "" if start.version == self._publication.version(step.table) and not start.untold else ANEW

    def _untold(self, step: Step, now: SourceSession) -> frozenset[int]:
        """Who may have written to a table that was out of the publication, and go on: the copy does not see them.

        What `track` publishes it locks first; whoever alters a publication by hand waits for nobody.
        """
        reached = place.of(step.since) if step.action == FULL and step.saved else None
        if reached is None:
            return frozenset()
        if reached.entry == Place(0, self._publication.version(step.table)).entry:
            return reached.untold - now.snapshot.ended(reached.untold)
        given = {"relids": self._publication.holders(step.table)}
        rows = now.conn.execute(statements.get("wal", "elsewhere"), given).fetchall()
        elsewhere = {row["xid"] for row in rows}
        return frozenset(xid for xid in now.snapshot.running if xid & 0xFFFFFFFF not in elsewhere)

    def _news(self, step: Step, now: SourceSession) -> News:
        if step.action != DELTA:
            return ALL
        changed = self._changed(step, now)
        return News(bool(changed.keys), bool(changed.keys), changed.truncated)

    def _keys(self, step: Step, now: SourceSession) -> frozenset[Key] | None:
        return self._changed(step, now).keys if step.action == DELTA else None

    def _changed(self, step: Step, now: SourceSession) -> Changed:
        """What changed since the step's watermark; the same for the whole run, whatever else comes."""
        which = (step.table.name, step.since.snapshot.text)
        if which not in self._known:
            relids = self._publication.holders(step.table)
            start = place.of(step.since)
            reached = start.reached if start else 0
            self._known[which] = self.reader.log.changed(relids, step.since.snapshot, reached, now.snapshot)
        return self._known[which]
