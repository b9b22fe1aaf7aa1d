"""How far a file has a table by events, as its watermark keeps it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark

PREFIX = "events"
_NONE = "-"


@dataclass(frozen=True)
class Place:
    """Where the events come from, up to which number of that queue they were read, and the last sweep's watermark.

    Of the outbox itself the number is 0: what a file has of it, its snapshot says.
    """

    queue: str
    number: int
    swept: Watermark

    def as_text(self) -> str:
        """As `Watermark.log` has it."""
        at, floor = self.swept.snapshot, self.swept.floor
        since = floor.isoformat() if floor else _NONE
        return f"{PREFIX} {self.queue} {self.number} {at.text} {at.as_of.isoformat()} {since} {int(self.swept.standby)}"


def is_of(watermark: Watermark) -> bool:
    """Whether a watermark is of a table that events tell of."""
    return watermark.log.startswith(f"{PREFIX} ")


def of(watermark: Watermark) -> Place | None:
    """The place in a watermark; None in one of another feed."""
    if not is_of(watermark):
        return None
    _, queue, number, text, as_of, floor, standby = watermark.log.split(" ")
    snapshot = Snapshot.parse(text, as_of=datetime.fromisoformat(as_of))
    since = None if floor == _NONE else datetime.fromisoformat(floor)
    return Place(queue, int(number), Watermark(snapshot, since, standby == "1"))
