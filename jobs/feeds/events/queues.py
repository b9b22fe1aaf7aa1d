"""The two queues: the outbox as it stands in PostgreSQL, and a broker's stream with what is still on its way to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from psycopg import sql

from jobs.broker import outbox
from jobs.broker.nats import NatsBroker, Stream
from jobs.broker.port import FORMAT, Event
from jobs.feeds.events import touched
from jobs.feeds.events.place import Place
from jobs.feeds.events.touched import Touched
from jobs.feeds.feed import PURGED
from jobs.position.watermark import Watermark
from jobs.source.connection import Connection
from jobs.source.session import SourceSession

# How many messages are kept between runs: the file that is not published asks for those of the run before, too.
_REMEMBERED = 100_000


@dataclass(frozen=True)
class OutboxQueue:
    """The outbox itself; `purged` is the newest transaction whose events were deleted."""

    conn: Connection
    name: str
    purged: int
    reached: int = 0

    def close(self) -> None:
        """It is read on the run's connection."""

    def gap(self, watermark: Watermark, place: Place) -> str:
        """Events that the file's snapshot did not see may have been deleted."""
        return PURGED if watermark.snapshot.xmin <= self.purged else ""

    def touched(self, watermark: Watermark, place: Place) -> Touched:
        """What was not visible at the file's snapshot, and is now."""
        return touched.of_outbox(self.conn, touched.recorded_since(watermark))

    def events(self, watermark: Watermark | None, place: Place | None, names: Iterable[str]) -> Iterator[Event]:
        """The same, as events."""
        since = touched.recorded_since(watermark) if watermark else sql.SQL("true")
        return outbox.paged(self.conn, since, list(names))


Message = tuple[int, Event | None]


@dataclass
class Reader:
    """What was read of a stream, between runs as well: the messages after the number `since`, up to `came`.

    `hole` is the highest number in between that is missing.
    """

    broker: NatsBroker
    stream: str = ""
    since: int = 0
    came: int = 0
    hole: int = 0
    messages: deque[Message] = field(default_factory=deque)
    listens: bool = False

    def look(self) -> Stream:
        """The stream as it is now; from the first look on, what arrives is counted where that was asked for."""
        stream = self.broker.stream()
        if self.listens:
            self.broker.listen()
            self.listens = False
        return stream

    def catch_up(self, stream: Stream, since: int) -> None:
        """Read on to the stream's end, from this number at the latest."""
        if self.stream != stream.name or since < self.since or self.came > stream.last:
            self.stream, self.since, self.came, self.hole = stream.name, since, since, 0
            self.messages.clear()
        while self.came < stream.last:
            batch = self.broker.read(self.came, stream.last - self.came)
            for number, event in batch.messages:
                self._take(number, event)
            if self.came < batch.position:
                self.came = self.hole = batch.position

    def trim(self) -> None:
        """Forget the oldest messages; whoever still needs them reads them again."""
        while len(self.messages) > _REMEMBERED:
            self.since = self.messages.popleft()[0]

    def _take(self, number: int, event: Event | None) -> None:
        if number > self.came + 1:
            self.hole = number - 1
        self.came = number
        self.messages.append((number, event))

    def after(self, number: int) -> Iterable[Message]:
        """The messages with higher numbers."""
        return (message for message in self.messages if message[0] > number)

    def close(self) -> None:
        """End the connection."""
        self.broker.close()


class StreamQueue:
    """A stream that a relay fills from the outbox.

    A run takes its snapshot first, and reads the stream after that. What was committed before the snapshot is then in
    the stream, or still in the outbox, where the run reads it as well: an event is deleted there once the broker has
    confirmed it. What the stream has of later transactions is left for the next run.
    """

    def __init__(self, now: SourceSession, reader: Reader) -> None:
        self._now, self._reader = now, reader
        reader.trim()
        self._stream = reader.look()
        self._waiting = touched.of_outbox(now.conn, sql.SQL("true"))
        self._reached: int | None = None

    @property
    def name(self) -> str:
        """That of the stream that is there now."""
        return self._stream.name

    @property
    def reached(self) -> int:
        """The number before the first message whose transaction the snapshot does not see."""
        if self._reached is None:
            self._reached = self._seen_up_to()
        return self._reached

    def close(self) -> None:
        """End the reader's connection."""
        self._reader.close()

    def gap(self, watermark: Watermark, place: Place) -> str:
        """The stream may have been emptied, or set back; reads what there is."""
        if not self._stream.first - 1 <= place.number <= self._stream.last:
            return PURGED
        self._reader.catch_up(self._stream, place.number)
        return PURGED if place.number < self._reader.hole else ""

    def touched(self, watermark: Watermark, place: Place) -> Touched:
        """What the stream tells, and what is still on its way to it."""
        known = replace(self._waiting, whole=set(self._waiting.whole))
        known.keys = {table: set(keys) for table, keys in self._waiting.keys.items()}
        for _, event in self._reader.after(place.number):
            if event is None or self._sees(event):
                _add(known, event)
        known.many = known.many or sum(map(len, known.keys.values())) > touched.MANY
        return known

    def events(self, watermark: Watermark | None, place: Place | None, names: Iterable[str]) -> Iterator[Event]:
        """What the stream has, and what is still on its way to it."""
        wanted, first = frozenset(names), max(self._stream.first - 1, 0)
        number = place.number if place else first
        self._reader.catch_up(self._stream, number)
        came = [one for _, one in self._reader.after(number) if one and one.name in wanted and self._sees(one)]
        ids = {one.id for one in came}
        waiting = outbox.paged(self._now.conn, sql.SQL("true"), list(wanted))
        yield from sorted((*came, *(one for one in waiting if one.id not in ids)), key=lambda one: one.seq)

    def _sees(self, event: Event) -> bool:
        """By the full id of a whole transaction. A standby does not name those that are running."""
        at = self._now.snapshot
        if self._now.identity.standby:
            return event.xid < at.xmin
        return event.xid < at.xmax and event.xid not in at.running

    def _seen_up_to(self) -> int:
        """A copy may begin anywhere; of what is not read here it is only known that the stream goes on so far."""
        since = max(self._stream.first - 1, 0)
        if self._reader.stream != self._stream.name:
            self._reader.catch_up(self._stream, since)
        unseen = (number for number, event in self._reader.messages if event is not None and not self._sees(event))
        return min(next(unseen, self._stream.last + 1) - 1, self._stream.last)


def _add(known: Touched, event: Event | None) -> None:
    """What cannot be read may be of any table."""
    if event is None or event.format != FORMAT:
        known.blind = True
        return
    for table, keys in event.keys.items():
        for key in keys if isinstance(keys, list) else (None,):
            known.add(table, key)
