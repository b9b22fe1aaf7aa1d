"""Temporary tables of one transaction's upkeep, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models.analysis import values

# Columns by name, with DuckDB's types.
Columns = Mapping[str, str]


class Scratch:
    """The temporary tables that were made of one session, to be dropped together.

    What several models ask for is worked out once: `forget` that when the tables of the file have changed.
    """

    def __init__(self, file: DuckSession) -> None:
        self._file = file
        self._numbers = count()
        self._made: list[str] = []
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def make(self, rows: str) -> str:
        """A table of what the SELECT `rows` finds; its name."""
        if rows not in self._known:
            name = f"temp.model_{next(self._numbers)}"
            statement = f"CREATE OR REPLACE TEMP TABLE {name.removeprefix('temp.')} AS {rows}"
            self._counts[name] = self._file.one(statement)
            self._known[rows] = self.own(name)
        return self._known[rows]

    def count(self, name: str) -> int:
        """The rows of a table that it made."""
        return self._counts[name]

    def forget(self) -> None:
        """Work out again what is asked for from now on."""
        self._known.clear()

    def own(self, name: str) -> str:
        """A table that somebody else made is dropped with the others."""
        self._made.append(name)
        return name

    def drop(self) -> None:
        """Drop them all."""
        if self._made:
            self._file.execute(";".join(f"DROP TABLE IF EXISTS {name.removeprefix('temp.')}" for name in self._made))
        self._made.clear()
        self.forget()


def difference(columns: Columns, left: str, right: str) -> str:
    """A SELECT of the rows that `left` has and `right` has not, or less often; 0 and -0 are two values."""
    times = unused(columns)
    return repeated(columns, f"({compared(columns, left, right)} HAVING sum({times}) > 0)", times)


def compared(columns: Columns, left: str, right: str) -> str:
    """A SELECT of each row of both once, with how much more often `left` has it, by the name `unused`.

    By groups, which hand on the values as they are: EXCEPT ALL sorts, and makes 0 of -0.
    """
    names, times = quoting.listed(columns), unused(columns)
    texts = [f"{quoting.identifier(name)}::VARCHAR" for name, kind in columns.items() if values.is_unsure(kind)]
    both = " UNION ALL ".join(
        f"SELECT {names}, {sign} AS {times} FROM {rows}" for sign, rows in ((1, left), (-1, right))
    )
    return (
        f"SELECT {names}, CAST(sum({times}) AS BIGINT) AS {times} FROM ({both}) GROUP BY {', '.join([names, *texts])}"
    )


def repeated(columns: Columns, rows: str, times: str) -> str:
    """A SELECT of each of the rows as often as `times` says."""
    names = quoting.listed(columns)
    return f"SELECT {names} FROM (SELECT {names}, unnest(range({times})) FROM {rows})"


def unused(columns: Columns) -> str:
    """A name that no column has."""
    taken = {quoting.fold(name) for name in columns}
    return next(name for name in (f"neaptide_{place}" for place in count()) if name not in taken)
