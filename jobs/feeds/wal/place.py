"""How far a file has a table from the log, as its watermark keeps it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.feeds.wal.stream import text
from jobs.position.snapshot import position
from jobs.position.watermark import Watermark


@dataclass(frozen=True)
class Place:
    """The file has all of the table that commits below `reached`; `version` is that of its entry in the publication."""

    reached: int
    version: str

    def as_text(self) -> str:
        """As `Watermark.log` has it."""
        return f"{text(self.reached)} {self.version}"


def of(mark: Watermark) -> Place | None:
    """The place in a watermark; None in one of another feed."""
    reached, _, version = mark.log.partition(" ")
    return Place(position(reached), version) if version else None
