"""The watermark and delete modes of an entry: what each means, for whoever decides by one to ask. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.position.watermark import Watermark

XID_COLUMN = "sync_xid"


@dataclass(frozen=True)
class WatermarkMode:
    """How a table's changes are found.

    By a stamp of one of `stamp_types`, in the first of `columns` that fits where the config names none; else from the
    log (`from_log`); else by reading all of it. `added` is the column that `track` adds, in SQL. `by_clock`: its stamps
    are moments, so it takes a floor, which a standby can't give. `reads_once`: a change is read by one run alone.
    """

    name: str
    stamp_types: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    added: str = ""
    by_clock: bool = False
    reads_once: bool = False
    from_log: bool = False

    @property
    def stamped(self) -> bool:
        """Whether a column says when a row was written, which triggers keep."""
        return bool(self.stamp_types)

    @property
    def reads_all(self) -> bool:
        """Whether all of the table is read each time."""
        return not (self.stamped or self.from_log)

    def gapless_after(self, last: Watermark) -> bool:
        """Whether nothing is read twice after this: a standby's snapshot does not list what was running."""
        return last.snapshot.gapless or (self.reads_once and not last.standby)

    def stamp_column(self, kinds: Mapping[str, str]) -> str:
        """The column that it stamps by default; `kinds` are the names of the types of those that are there."""
        return next((name for name in self.columns if kinds.get(name) in self.stamp_types), self.columns[0])


@dataclass(frozen=True)
class DeleteMode:
    """How a row leaves the file that is gone from the source.

    `recorded`: triggers note its key. `compares`: all keys are compared, and too great a loss is refused. `marked`: a
    column says so. `keeps`: it stays.
    """

    name: str
    recorded: bool = False
    compares: bool = False
    marked: bool = False
    keeps: bool = False


# Of the types only what orders rows finely enough: not a date, say.
BY_CLOCK = WatermarkMode(
    "updated_at",
    stamp_types=("timestamptz", "timestamp"),
    columns=("updated_at", "last_update", "modified_at", "modified_date", "last_updated"),
    added="timestamptz NOT NULL DEFAULT now()",
    by_clock=True,
)
_WATERMARKS = (
    BY_CLOCK,
    WatermarkMode(
        "xid", stamp_types=("xid8",), columns=(XID_COLUMN,), added="xid8 NOT NULL DEFAULT '0'", reads_once=True
    ),
    WatermarkMode("wal", from_log=True),
    WatermarkMode("none"),
)
RECORDED = DeleteMode("tombstone", recorded=True)
_DELETES = (
    RECORDED,
    DeleteMode("compare", compares=True),
    DeleteMode("soft", marked=True),
    DeleteMode("ignore", keeps=True),
)


WATERMARKS = {mode.name: mode for mode in _WATERMARKS}
DELETES = {mode.name: mode for mode in _DELETES}


def watermark(name: str) -> WatermarkMode:
    """The mode that a file names; of one that is none of ours nothing is known."""
    return WATERMARKS.get(name) or WatermarkMode(name)
