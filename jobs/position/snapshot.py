"""A PostgreSQL snapshot as text, `xmin:xmax:running`, and what can be asked of it without a server. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from app import errors

# `age()` counts in 32 bits: beyond this many transactions it wraps (PostgreSQL manual, "Preventing Transaction ID
# Wraparound Failures").
# A reader asks a moment after the snapshot, so some are kept in reserve.
AGE_LIMIT = 2**31 - 2**24


def position(wal: str) -> int:
    """A pg_lsn like `0/3019A28` as a number of bytes; of an empty one, 0."""
    high, _, low = (wal or "0/0").partition("/")
    return int(high, 16) << 32 | int(low, 16)


@dataclass(frozen=True)
class Snapshot:
    """`xmin`: the oldest unfinished transaction; `xmax`: the first id not yet given out; ids are 64 bit (xid8).

    `as_of` is the server's clock at or before the snapshot. `exported` is the name other sessions join it by. `wal` is
    a position in the server's durable log at or above every commit that is seen; `wal_end` counts the commits that are
    not on the disk yet as well. Both names are empty on a standby: there nobody may join, and what is replayed is on
    the disk. `locked` are the quoted tables and views that the snapshot's own session keeps from being altered,
    `touched` those of them that LOCK doesn't take. `guests`: to read some of them runs code of others.
    `writes`: its session sees what it has written itself besides.
    """

    text: str
    xmin: int
    xmax: int
    as_of: datetime
    exported: str = ""
    wal: str = ""
    wal_end: str = ""
    locked: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    guests: bool = False
    writes: bool = False

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        as_of: datetime,
        exported: str = "",
        wal: str | None = None,
        wal_end: str | None = None,
        locked: tuple[str, ...] = (),
    ) -> Snapshot:
        """From the text of `pg_current_snapshot()`. Raises `errors.Bug` for anything else."""
        try:
            xmin, xmax, _running = text.split(":")
            return cls(text, int(xmin), int(xmax), as_of, exported, wal or "", wal_end or "", locked)
        except ValueError:
            raise errors.Bug(f"not a snapshot: {text!r}") from None

    def follows(self, earlier: Snapshot) -> bool:
        """False where `earlier` lies in this one's future, as on a restored server."""
        return self.xmax >= earlier.xmax

    def age_is_safe(self, earlier: Snapshot) -> bool:
        """Whether `age(xmin)` still tells rows before `earlier` from rows after it."""
        return self.xmax - earlier.xmin < AGE_LIMIT

    def sees_all_of(self, earlier: Snapshot) -> bool:
        """Whether every transaction that had ended at `earlier` has ended here."""
        theirs = earlier.running
        return (
            self.xmin >= earlier.xmin
            and self.xmax >= earlier.xmax
            and all(xid in theirs or xid >= earlier.xmax for xid in self.running)
        )

    def same_as(self, earlier: Snapshot) -> bool:
        """Whether no transaction that writes ended in between, so that both see the same rows of every table.

        A standby's text doesn't name who was running, so of its snapshots this can't be said: they have no `wal_end`.
        """
        if self.writes:
            return False
        return bool(self.wal_end) and self.text == earlier.text

    @cached_property
    def running(self) -> frozenset[int]:
        """The transactions below `xmax` that had not ended; a standby names none."""
        listed = self.text.split(":")[2]
        return frozenset(map(int, listed.split(","))) if listed else frozenset()

    def sees(self, xid: int) -> bool:
        """Whether a transaction has ended here, by the lower 32 bits of its id, none of whose savepoints' it is.

        Only of one that lies within half of all 32-bit ids of this snapshot.
        """
        near = self.xmax & ~0xFFFFFFFF | xid
        if near - self.xmax >= 2**31:
            near -= 2**32
        elif self.xmax - near > 2**31:
            near += 2**32
        return near < self.xmin or (near < self.xmax and near not in self.running)

    def ended(self, xids: Iterable[int]) -> frozenset[int]:
        """Those of these transactions, by their 64-bit ids, that have ended here."""
        return frozenset(xid for xid in xids if xid < self.xmin or (xid < self.xmax and xid not in self.running))

    @property
    def gapless(self) -> bool:
        """No transaction below `xmax` was running: no row will be read twice."""
        return self.xmin == self.xmax
