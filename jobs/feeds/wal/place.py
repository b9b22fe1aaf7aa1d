"""How far a file has a table from the log, as its watermark keeps it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.feeds.wal.stream import text
from jobs.position.snapshot import position
from jobs.position.watermark import Watermark


@dataclass(frozen=True)
class Place:
    """The file has all of the table that commits below `reached`; `version` is that of its entry in the publication.

    `untold` are transactions that may have written to it before that entry told of it, and had not ended: 64-bit ids.
    `read` is how far the log had come: of what commits below it, the file has all that its snapshot sees.
    """

    reached: int
    version: str
    untold: frozenset[int] = frozenset()
    read: int = 0

    @property
    def entry(self) -> str:
        """The version of the entry alone: whoever attaches a partition waits for those who write to it."""
        return self.version.partition("/")[0]

    def as_text(self) -> str:
        """As `Watermark.log` has it."""
        untold = ",".join(map(str, sorted(self.untold)))
        further = f" +{text(self.read)}" if self.read > self.reached else ""
        return f"{text(self.reached)} {self.version}" + (f" {untold}" if untold else "") + further


def of(watermark: Watermark) -> Place | None:
    """The place in a watermark; None in one of another feed."""
    log, _, further = watermark.log.partition(" +")
    reached, _, rest = log.partition(" ")
    version, _, untold = rest.partition(" ")
    running = frozenset(map(int, untold.split(","))) if untold else frozenset[int]()
    return Place(position(reached), version, running, position(further) if further else 0) if version else None
