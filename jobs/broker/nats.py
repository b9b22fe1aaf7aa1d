"""NATS JetStream as the broker: one stream, read from the number that stands in the file.

The client is asynchronous: it runs in a thread of its own, and whoever asks waits for an answer, but not for long.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app import errors, extras, redaction
from jobs.broker import port
from jobs.broker.port import Batch, Event

STREAM = "NEAPTIDE"
SUBJECTS = "neaptide.events"
# How long an answer may take, in seconds: a broker that is away must not hold up the tables that don't need it.
_ANSWER = 5.0
_AT_ONCE = 500
# What a message has beside the event, at most.
_HEADERS = 1024
# How long the stream keeps events, and knows again those that it has, in seconds.
KEPT, _KNOWN = 7 * 86400, 120
T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """What is known of the stream: `name` tells it from one that was made later; the numbers that it holds."""

    name: str
    first: int
    last: int


class NatsBroker:
    """See `jobs.broker.port.Broker`. Raises `errors.MissingExtra` where its packages are not installed."""

    def __init__(self, url: str) -> None:
        with extras.needed("events"):
            import nats
        self._nats, self._url = nats, url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="broker", daemon=True)
        self._thread.start()
        self._client: Any = None
        self._reading: tuple[int, Any] | None = None
        self._listens = False
        # How many messages came by since it was opened: a sign to look, and no more.
        self.arrived = 0

    def publish(self, batch: Sequence[Event]) -> None:
        """In order; what the broker has already, by the event's id, it doesn't keep twice."""
        for place in range(0, len(batch), _AT_ONCE):
            self._ask(self._publish(batch[place : place + _AT_ONCE]))

    def read(self, after: int, limit: int = _AT_ONCE) -> Batch:
        """Up to so many messages of those that are there now."""
        last = self.stream().last
        if after >= last:
            return Batch((), after)
        messages = self._ask(self._read(after, min(limit, last - after, _AT_ONCE)))
        # Where there is none, all that came after were deleted.
        return Batch(messages, messages[-1][0] if messages else last)

    def stream(self) -> Stream:
        """The stream as it is now; it is made where there is none."""
        info = self._ask(self._info())
        created = info.created.isoformat() if hasattr(info.created, "isoformat") else str(info.created)
        return Stream(f"nats:{created}", info.state.first_seq, info.state.last_seq)

    def listen(self) -> None:
        """From now on, count what arrives."""
        self._ask(self._listen())

    def close(self) -> None:
        """End the connection and its thread."""
        if self._client is not None:
            with suppress(errors.BrokerUnavailable):
                self._ask(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER)
        if not self._thread.is_alive():
            self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        waiting = asyncio.run_coroutine_threadsafe(asyncio.wait_for(question, _ANSWER), self._loop)
        try:
            return waiting.result(_ANSWER + 1)
        except (OSError, TimeoutError, self._nats.errors.Error) as error:
            self._reading = None
            raise away(self._url, error) from None

    async def _connected(self) -> Any:
        if self._client is None or not self._client.is_connected:
            # To wait for it is up to whoever asks: a run goes on without its tables.
            self._reading = None
            self._client = await self._reached()
            self.arrived += 1
            if self._listens:
                await self._client.subscribe(SUBJECTS, cb=self._count)
        return self._client.jetstream(timeout=_ANSWER)

    async def _reached(self) -> Any:
        """A new client. One that goes on trying would hold up the run, and the other tables with it."""
        last = OSError()

        async def note(error: Exception) -> None:
            nonlocal last
            last = error if isinstance(error, OSError) else last

        try:
            return await self._nats.connect(
                self._url, connect_timeout=2, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0,
                error_cb=note,
            )  # fmt: skip
        except self._nats.errors.NoServersError:
            raise last from None

    async def _info(self) -> Any:
        from nats.js import api
        from nats.js import errors as js

        jetstream = await self._connected()
        try:
            return await jetstream.stream_info(STREAM)
        except js.NotFoundError:
            wanted = api.StreamConfig(
                name=STREAM, subjects=[SUBJECTS], duplicate_window=_KNOWN, max_age=KEPT, num_replicas=1
            )
            return await jetstream.add_stream(wanted)

    async def _publish(self, batch: Sequence[Event]) -> None:
        await self._info()
        jetstream = await self._connected()
        messages = [(event.id, _fitting(event, self._client.max_payload)) for event in batch]
        confirmed = [
            await jetstream.publish_async(SUBJECTS, message, stream=STREAM, headers={"Nats-Msg-Id": name})
            for name, message in messages
        ]
        await asyncio.gather(*confirmed)

    async def _read(self, after: int, count: int) -> list[tuple[int, Event | None]]:
        if self._reading is None or self._reading[0] != after:
            await self._begin(after)
        assert self._reading is not None
        try:
            messages = await self._reading[1].fetch(count, timeout=2)
        except self._nats.errors.TimeoutError:
            return []
        events = [(message.metadata.sequence.stream, port.decoded(message.data)) for message in messages]
        self._reading = (events[-1][0], self._reading[1])
        return events

    async def _begin(self, after: int) -> None:
        """A reader that the broker forgets by itself: what was read stands in the file, and nowhere else."""
        from nats.js import api

        jetstream = await self._connected()
        if self._reading is not None:
            with suppress(self._nats.errors.Error):
                await self._reading[1].unsubscribe()
        wanted = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=60,
        )
        self._reading = (after, await jetstream.pull_subscribe(SUBJECTS, stream=STREAM, config=wanted))

    async def _listen(self) -> None:
        await self._connected()
        if not self._listens:
            self._listens = True
            await self._client.subscribe(SUBJECTS, cb=self._count)

    async def _count(self, _: Any) -> None:
        self.arrived += 1


def _fitting(event: Event, most: int) -> bytes:
    """The event as a message. Too many keys are no loss: their tables are looked through instead."""
    message, room = event.encoded(), most - _HEADERS
    if len(message) > room:
        message = replace(event, keys=dict.fromkeys(event.keys)).encoded()
    if len(message) > room:
        raise errors.UnsupportedValue(
            f"the event {event.name} {event.id} has {len(message):,} bytes, more than the broker takes ({most:,})",
            hint="raise max_payload of the broker; until then events wait in the outbox, where runs read them",
        )
    return message


def away(url: str, error: BaseException) -> errors.BrokerUnavailable:
    """The error for a broker that gives no answer, without what opens it."""
    place = url.rpartition("@")[2].removeprefix("nats://")
    why = redaction.bare(str(error).strip().split("\n")[0]) or "no answer in time"
    return errors.BrokerUnavailable(
        f"the broker at {place} can't be reached: {why}",
        hint="is it up? An embedded one starts with: neaptide broker start",
    )
