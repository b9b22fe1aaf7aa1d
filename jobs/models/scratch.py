"""Temporary tables of one transaction's upkeep, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from jobs import quoting
from jobs.engine.session import DuckSession

# Equality holds 0 and -0 for one value, also inside of lists and structs; as text they are two.
_TOLD_BY_TEXT = ("FLOAT", "DOUBLE")
# Columns by name, with DuckDB's types.
Columns = Mapping[str, str]


class Scratch:
    """The temporary tables that were made of one session, to be dropped together."""

    def __init__(self, file: DuckSession) -> None:
        self._file = file
        self._numbers = count()
        self._made: list[str] = []

    def make(self, rows: str) -> str:
        """A table of what the SELECT `rows` finds; its name."""
        name = f"temp.model_{next(self._numbers)}"
        self._file.execute(f"CREATE OR REPLACE TEMP TABLE {name.removeprefix('temp.')} AS {rows}")
        return self.own(name)

    def own(self, name: str) -> str:
        """A table that somebody else made is dropped with the others."""
        self._made.append(name)
        return name

    def drop(self) -> None:
        """Drop them all."""
        for name in self._made:
            self._file.execute(f"DROP TABLE IF EXISTS {name.removeprefix('temp.')}")
        self._made.clear()


def difference(columns: Columns, left: str, right: str) -> str:
    """A SELECT of the rows that `left` has and `right` has not, or less often; 0 and -0 are two values."""
    names = quoting.listed(columns)
    told = [f", {quoting.identifier(name)}::VARCHAR" for name, kind in columns.items() if _needs_text(kind)]
    one, other = (f"SELECT {names}{''.join(told)} FROM {name}" for name in (left, right))
    if not told:
        return f"{one} EXCEPT ALL {other}"
    width = len(columns) + len(told)
    aliases = ", ".join(
        [*map(quoting.identifier, columns), *(f"neaptide_{place}" for place in range(len(columns), width))]
    )
    return f"SELECT {names} FROM ({one} EXCEPT ALL {other}) AS d({aliases})"


def _needs_text(kind: str) -> bool:
    return any(name in kind for name in _TOLD_BY_TEXT)
