"""What a broker is asked for: to take events, and to give them back in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

# What this version writes and reads.
FORMAT = 1


@dataclass(frozen=True)
class Event:
    """An event as it is handed on. `xid` is the transaction that wrote it, `seq` its number in the outbox.

    Of a `format` that this version does not know, no more than `id` and `xid` is certain.
    """

    seq: int
    id: str
    xid: int
    format: int
    name: str
    aggregate: str
    key: str
    version: int
    keys: dict[str, Any]
    payload: dict[str, Any]
    at: str

    def encoded(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()


def decoded(data: bytes) -> Event | None:
    """The event of a message; None for one that is none. Of another format it has nothing but what is certain."""
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            return Event(0, str(content["id"]), int(content["xid"]), int(content["format"]), "", "", "", 0, {}, {}, "")
        event = Event(**content)
    except (ValueError, TypeError, KeyError):
        return None
    good = isinstance(event.xid, int) and isinstance(event.keys, dict) and isinstance(event.payload, dict)
    return event if good else None


class Batch(NamedTuple):
    """Messages of a queue: their numbers, and the events; None as an event is what is none."""

    messages: Sequence[tuple[int, Event | None]]
    position: int


class Broker(Protocol):
    """A queue of events that are numbered in the order in which it took them."""

    def publish(self, batch: Sequence[Event]) -> None:
        """Hand over, in order. Returns once all are confirmed, to last; raises `errors.BrokerUnavailable`."""

    def read(self, after: int, limit: int) -> Batch:
        """The events after a position that are still there, and the position that follows.

        A number that is missing in between is one of an event that is gone. Raises `errors.BrokerUnavailable`.
        """
