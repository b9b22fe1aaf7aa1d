"""What `init` proposes for one table, and what that costs at each run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# A table of so many bytes is copied whole at each run only if somebody asks for that.
DEAR = 2**30
# What a run compares in a second, on two cores: bytes or rows, whichever are reached first. What it takes to begin.
_BYTES, _ROWS, _BEGIN = 100e6, 1e6, 0.005
# Seconds that a run takes whose tables are all tracked, with little to read.
TRACKED = 0.02


@dataclass(frozen=True)
class Choice:
    """One table's entry. `values` are its keys in config.toml; `reasons` are sentences; `off`: it is commented out.

    `group` says what tables like it have in common; `tracked` are the keys by which triggers would follow it, where
    those aren't taken and would win. `own`: the role may put triggers on it; `view`: it is one, or a foreign table.
    """

    name: str
    rows: int
    bytes: int
    values: dict[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    off: bool = False
    group: str = ""
    tracked: dict[str, Any] = field(default_factory=dict)
    own: bool = False
    view: bool = False

    @property
    def whole(self) -> bool:
        """Whether each run compares all of it."""
        return self.values.get("watermark") == "none"

    @property
    def seconds(self) -> float:
        """About how long a run takes that compares all of it; PostgreSQL may not know its rows yet."""
        return max(self.bytes / _BYTES, self.rows / _ROWS) + _BEGIN


@dataclass(frozen=True)
class Proposal:
    """A choice for each table; `database` and `role` are those of the session that looked.

    `logged`: the server keeps a log that says which rows changed, and the role may read it.
    """

    database: str
    role: str
    choices: list[Choice]
    may_track: bool = False
    logged: bool = False

    @property
    def taken(self) -> list[Choice]:
        """Those that a sync copies."""
        return [one for one in self.choices if not one.off]

    def seconds(self, *, tracked: bool = False) -> float:
        """About how long a run takes that finds little: as proposed, or with triggers where they would win."""
        whole = [one.seconds for one in self.taken if one.whole and not (tracked and one.tracked)]
        return sum(whole) + TRACKED


def size(count: int) -> str:
    """Bytes for people."""
    return next((f"{count / unit:.1f} {name}" for unit, name in _UNITS if count >= unit), f"{count} bytes")


def duration(seconds: float) -> str:
    """`20 ms`, `0.4 s`, `52 s`, `3 min`."""
    if seconds < 0.1:
        return f"{round(seconds * 1000, -1) or 10:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


_UNITS = ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))
