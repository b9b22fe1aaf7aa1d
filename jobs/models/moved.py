"""What changed of one input in a run: the rows that went, and those that came."""

from __future__ import annotations

from dataclasses import dataclass

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import scratch as scratches
from jobs.models.scratch import Columns, Scratch


@dataclass(frozen=True)
class Moved:
    """Three relations of a session: rows as they were, as they are, and both together. `count` is of the last."""

    columns: Columns
    old: str
    new: str
    both: str
    count: int


def of(file: DuckSession, scratch: Scratch, columns: Columns, old: str, new: str, *, distinct: bool) -> Moved | None:
    """What differs between two tables of rows; None where nothing does.

    `distinct` says that no row stands in both, so that they need not be compared.
    """
    names = quoting.listed(columns)
    if distinct:
        both, rows = f"(SELECT {names} FROM {old} UNION ALL SELECT {names} FROM {new})", "count(*)"
    else:
        times = scratches.unused(columns)
        both = scratch.make(f"{scratches.compared(columns, new, old)} HAVING sum({times}) <> 0")
        old, new = (
            f"({scratches.repeated(columns, f'{both} WHERE {sign}{times} > 0', f'{sign}{times}')})"
            for sign in ("-", "")
        )
        rows = f"coalesce(sum(abs({times})), 0)::BIGINT"
    count = file.one(f"SELECT {rows} FROM {both}")
    return Moved(columns, old, new, both, count) if count else None
