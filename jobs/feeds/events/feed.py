"""The feed that events tell: keys from the outbox, rows from the run's snapshot, and a sweep for what no event told.

An event is read exactly once, by the rule of `jobs.position.watermark.recorded_since`: it was not visible at the file's
snapshot, and is now. Whatever number the outbox gave it, a transaction that commits late is not passed over. A sweep
reads a table as the watermark feed does, since the watermark of the sweep before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from app import errors
from jobs.broker.port import Event
from jobs.feeds import by_key
from jobs.feeds.changes import Changes, Into
from jobs.feeds.events import place, touched
from jobs.feeds.events.place import Place
from jobs.feeds.events.touched import Touched
from jobs.feeds.feed import ALL, News, UnreadableKeys
from jobs.feeds.watermark.feed import WatermarkFeed
from jobs.plan.steps import DELTA, FULL, SWEEP, WHOLE, Step
from jobs.position import watermark
from jobs.position.watermark import Watermark
from jobs.source.session import SourceSession
from jobs.tables import filters
from jobs.tables.table import Table

ANOTHER = "its events come from another queue now, or one made anew"
_SWEPT = "deletes since the last sweep were purged"
_WRAPPED = "transaction ids wrapped since the last sweep"


class Queue(Protocol):
    """Where events come from: the outbox itself, or a stream that a relay fills from it.

    `name` tells it from every other, `reached` is the number up to which the run's snapshot sees all of it.
    """

    @property
    def name(self) -> str: ...

    @property
    def reached(self) -> int: ...

    def close(self) -> None: ...

    def gap(self, watermark: Watermark, place: Place) -> str:
        """Why it does not tell all since this watermark any more; empty where it does."""

    def touched(self, watermark: Watermark, place: Place) -> Touched:
        """What it tells since then."""

    def events(self, watermark: Watermark | None, place: Place | None, names: Iterable[str]) -> Iterator[Event]:
        """The events of these names since then, or all that are kept, in the order in which they were written."""


class EventsFeed:
    """See `jobs.feeds.feed.Feed`; for the tables that events tell of."""

    def __init__(self, queue: Queue, sweep: timedelta, *, stays_open: bool = False) -> None:
        self.queue, self._sweep, self._stays_open = queue, sweep, stays_open
        self._swept = WatermarkFeed()
        self._known: dict[Watermark, Touched] = {}
        self._unreadable: set[str] = set()

    def settled(self, steps: Iterable[Step], now: SourceSession, looked: Mapping[str, Watermark]) -> list[Step]:
        """The steps; a sweep where one is due, or where events don't tell which rows changed.

        `looked` are later watermarks of tables that had no news until then, of sweeps as well.
        """
        return [self._decided(step, now, looked.get(step.table.name)) for step in steps]

    def news(self, steps: Iterable[Step], now: SourceSession) -> dict[str, News]:
        """From what the events tell, or from the tables where they are swept."""
        given = list(steps)
        swept = self._swept.news([_sweeping(step) for step in given if step.reason == SWEEP], now)
        return swept | {step.table.name: self._news(step, now) for step in given if step.reason != SWEEP}

    def gather(self, into: Into, step: Step, now: SourceSession) -> Changes:
        """By key, or by the watermark since the last sweep."""
        keys = None if step.unreadable or step.reason == SWEEP else self._keys(step, now)
        if keys is None:
            return self._swept.gather(into, _sweeping(step), now)
        try:
            return by_key.gather(into, step.table, keys)
        except errors.NeaptideError as error:
            if not by_key.is_of_a_key(error, now.conn, step.table, keys):
                raise
            self._warn(now, step.table)
            raise UnreadableKeys(step.table.name) from error

    def rows_of(self, step: Step, now: SourceSession) -> str:
        """The rows of the keys, or those that a sweep reads."""
        if step.action == FULL or step.reason == SWEEP:
            return self._swept.rows_of(_sweeping(step), now)
        keys = self._keys(step, now) or ()
        return filters.both(" OR ".join(by_key.conditions(step.table, keys)) or "false", filters.belongs(step.table))

    def next_watermark(self, step: Step, now: SourceSession, last: Watermark | None) -> Watermark:
        """With the watermark of the last sweep, which a copy is as well."""
        before = place.of(last) if last else None
        if step.action == FULL or before is None:
            swept = now.next_watermark(None)
        else:
            swept = now.next_watermark(before.swept) if step.reason == SWEEP or step.unreadable else before.swept
        return replace(now.next_watermark(last), log=Place(self.queue.name, self.queue.reached, swept).as_text())

    def published(self, spare: Iterable[Watermark]) -> None:
        """Events are kept for a time, not for a file."""

    def quiet(self, looked: Iterable[Watermark], watermarks: Iterable[Watermark]) -> None:
        """The same."""

    def close(self) -> None:
        """End what is not kept between runs."""
        if not self._stays_open:
            self.queue.close()

    def _decided(self, step: Step, now: SourceSession, looked: Watermark | None) -> Step:
        if step.action == FULL or step.saved is None:
            return step
        reached = place.of(step.since)
        why = self._gap(step.since, reached)
        if reached is None or why:
            return replace(step, action=FULL, reason=why)
        step = replace(step, action=DELTA)
        later = place.of(looked) if looked else None
        if self._is_due(later or reached, now) or self._keys(step, now) is None:
            why = _unsweepable(step, reached.swept, now)
            return replace(step, action=FULL, reason=why) if why else replace(step, reason=SWEEP)
        return step

    def _gap(self, watermark: Watermark, reached: Place | None) -> str:
        if reached is None or reached.queue != self.queue.name:
            return ANOTHER
        return self.queue.gap(watermark, reached)

    def _is_due(self, reached: Place, now: SourceSession) -> bool:
        return now.snapshot.as_of - reached.swept.snapshot.as_of >= self._sweep

    def _news(self, step: Step, now: SourceSession) -> News:
        if step.action != DELTA:
            return ALL
        keys = self._keys(step, now)
        return ALL if keys is None else News(bool(keys), bool(keys), False)

    def _keys(self, step: Step, now: SourceSession) -> set[by_key.Key] | None:
        """The keys that changed since the step's watermark; the same for the whole run."""
        if step.since not in self._known:
            start = place.of(step.since)
            assert start is not None
            self._known[step.since] = self.queue.touched(step.since, start)
        keys = self._known[step.since].of(step.table)
        if keys is None:
            self._warn(now, step.table, self._known[step.since])
        return keys

    def _warn(self, now: SourceSession, table: Table, keys: Touched | None = None) -> None:
        if table.name not in self._unreadable:
            self._unreadable.add(table.name)
            now.warnings.append(touched.swept(table.source_name, keys))


def _sweeping(step: Step) -> Step:
    """The step as the watermark feed takes it: since the last sweep, or all of a table that has no stamp."""
    if step.action == FULL or step.saved is None:
        return step
    start = place.of(step.since)
    swept = start.swept if start else step.since
    action = DELTA if step.table.stamp else WHOLE
    # What events told says nothing of what was written since the last sweep.
    return replace(step, action=action, reason="", saved=replace(step.saved, watermark=swept), news=ALL)


def _unsweepable(step: Step, swept: Watermark, now: SourceSession) -> str:
    """Why what was written since the last sweep can't be found any more; empty where it can."""
    table = step.table
    if table.stamp is None:
        return ""
    if table.deletes.recorded and swept.snapshot.xmin <= table.purged:
        return _SWEPT
    return _WRAPPED if watermark.needs_reload(swept, now.snapshot, by_clock=table.mode.by_clock) else ""
