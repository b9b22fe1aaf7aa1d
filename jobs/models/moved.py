"""What changed of one input in a run: the rows that went, and those that came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import scratch as scratches
from jobs.models.analysis import values
from jobs.models.scratch import Columns, Scratch


@dataclass(frozen=True)
class Moved:
    """Three relations of a session: rows as they were, as they are, and both together. `count` is of the last.

    `gone` are the rows that were, where no row stands in both.
    """

    columns: Columns
    old: str
    new: str
    both: str
    count: int
    gone: int | None = None


def apart(file: DuckSession, columns: Columns, old: str, new: str) -> Moved | None:
    """What differs between two tables of rows of which none stands in both; None where both are empty."""
    names = quoting.listed(columns)
    both = f"(SELECT {names} FROM {old} UNION ALL SELECT {names} FROM {new})"
    (row,) = file.rows(f"SELECT (SELECT count(*) FROM {old}) AS gone, (SELECT count(*) FROM {new}) AS come")
    count = row["gone"] + row["come"]
    return Moved(columns, old, new, both, count, row["gone"]) if count else None


def of(file: DuckSession, scratch: Scratch, columns: Columns, old: str, new: str) -> Moved | None:
    """What differs between two tables of rows; None where nothing does."""
    times = scratches.unused(columns)
    both = scratch.make(f"{scratches.compared(columns, new, old)} HAVING sum({times}) <> 0")
    if not scratch.count(both):
        return None
    old, new = (
        f"({scratches.repeated(columns, f'{both} WHERE {sign}{times} > 0', f'{sign}{times}')})" for sign in ("-", "")
    )
    count = file.one(f"SELECT coalesce(sum(abs({times})), 0)::BIGINT FROM {both}")
    return Moved(columns, old, new, both, count)


class Altered:
    """Which columns differ between the rows that went and those with the same key that came; by how many rows."""

    def __init__(self, file: DuckSession, moved: Moved, key: Sequence[str]) -> None:
        self._moved, self.pairs, self._by_column = moved, 0, dict[str, int]()
        if moved.gone and moved.count > moved.gone:
            fields = ", ".join(f"count(*) FILTER (WHERE {_differs(*column)})" for column in moved.columns.items())
            joined = f"{moved.old} AS o JOIN {moved.new} AS n USING ({quoting.listed(key)})"
            counts = file.execute(f"SELECT count(*), {fields} FROM {joined}").fetchone()
            assert counts is not None
            self.pairs, self._by_column = counts[0], dict(zip(moved.columns, counts[1:], strict=True))

    def is_all(self, columns: Iterable[str]) -> bool:
        """Whether most of the rows differ in these columns, or have no other of their key."""
        return 2 * max((self._by_column.get(name, 0) for name in columns), default=0) >= self.pairs

    def is_nothing(self, columns: Iterable[str]) -> bool:
        """Whether no row differs in these columns, and each has another of its key."""
        return 2 * self.pairs == self._moved.count and not any(self._by_column[name] for name in columns)


def _differs(name: str, kind: str) -> str:
    """The condition that a column differs, or is written otherwise: 0 and -0 are two values."""
    old, new = (quoting.qualified(alias, name) for alias in "on")
    as_text = f" OR {old}::VARCHAR IS DISTINCT FROM {new}::VARCHAR" if values.is_unsure(kind) else ""
    return f"{old} IS DISTINCT FROM {new}{as_text}"
