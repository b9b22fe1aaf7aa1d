"""What changed of one input in a run: the rows that went, and those that came."""

from __future__ import annotations

from dataclasses import dataclass

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models.scratch import Columns, Scratch, difference


@dataclass(frozen=True)
class Moved:
    """Three tables of a session: rows as they were, as they are, and both together. `count` is of the last."""

    columns: Columns
    old: str
    new: str
    both: str
    count: int


def of(file: DuckSession, scratch: Scratch, columns: Columns, old: str, new: str, *, distinct: bool) -> Moved | None:
    """What differs between two tables of rows; None where nothing does.

    `distinct` says that no row stands in both, so that they need not be compared.
    """
    if not distinct:
        old, new = (scratch.make(difference(columns, *sides)) for sides in ((old, new), (new, old)))
    names = quoting.listed(columns)
    both = scratch.make(f"SELECT {names} FROM {old} UNION ALL SELECT {names} FROM {new}")
    count = file.one(f"SELECT count(*) FROM {both}")
    return Moved(columns, old, new, both, count) if count else None
