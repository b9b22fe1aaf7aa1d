"""What the log says of rows, as PostgreSQL reads it back: a table of lines, in which every value is put in.

A value that an update left alone is the one before, and a row is followed from key to key: where it got another one,
its last line under the old key and the first under the new stand one behind the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import starmap

from app import errors
from jobs import quoting
from jobs.engine import intake
from jobs.engine.session import DuckSession
from jobs.feeds import readback
from jobs.feeds.wal.told import Told, Untold
from jobs.history.temps import Temps
from jobs.tables.table import Table
from jobs.types.column_plan import ColumnPlan


class Unread(Exception):
    """PostgreSQL reads a text of this table's log no more, so that the transaction has to begin anew without it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.name, self.reason = name, reason


def own(what: str) -> str:
    """The quoted name of a column that no table has."""
    return quoting.identifier(readback.column(what))


PLACE, NUMBER, MOMENT, CHAIN, KIND, LEFT = map(own, ("place", "number", "moment", "chain", "kind", "left"))
BEFORE = own("before")


@dataclass
class Lines:
    """Those of one table, in temporary tables of which the first is `name`, the one of what was read back."""

    file: DuckSession
    table: Table
    temps: Temps
    name: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told."""
        return self._count("true") == 0

    @property
    def truncates(self) -> bool:
        """Whether all rows there were have ended at once; to be asked before `end_all`."""
        return self._count(f"{KIND} = 'T'") > 0

    def take(self, log: Told, after: datetime) -> None:
        """Have PostgreSQL read back what was committed `after` that moment. Raises `Unread`."""
        self.name = self.temps.defined("lines", readback.defined(self.table))
        try:
            for wire in readback.wires(self.table, log.lines(after)):
                intake.insert(self.file, self.name, wire)
        except errors.NeaptideError as error:
            # A lost session or a full disk is no matter of a text.
            if type(error) not in (errors.NeaptideError, errors.UnsupportedValue):
                raise
            raise Unread(self.table.name, error.message) from error

    def end_all(self, before: str) -> None:
        """In place of each TRUNCATE, the end of each row that there may have been: of these, or told of by then."""
        key, name = self._key, self.name
        there = f"SELECT {key}, 0 AS {PLACE} FROM {before} UNION ALL"
        there += f" SELECT {key}, min({PLACE}) FROM {name} WHERE {KIND} <> 'T' GROUP BY ALL"
        self.file.execute(
            f"INSERT INTO {name} ({key}, {PLACE}, {NUMBER}, {MOMENT}, {KIND}, {LEFT})"
            f" SELECT DISTINCT {key}, t.{PLACE}, t.{NUMBER}, t.{MOMENT}, 'D', ''"
            f" FROM (SELECT {PLACE}, {NUMBER}, {MOMENT} FROM {name} WHERE {KIND} = 'T') AS t"
            f" JOIN ({there}) AS r ON r.{PLACE} < t.{PLACE}"
        )
        self.file.execute(f"DELETE FROM {name} WHERE {KIND} = 'T'")

    def filled(self, before: str) -> str:
        """A table of them with the values that were left alone, which may be those of a row `before`.

        Raises `Untold` where there is none.
        """
        key, nth = self._key, f"row_number() OVER ({self._by_key})"
        first = f"SELECT {key}, {PLACE} FROM {self.name} QUALIFY {nth} = 1 AND {KIND} IN ('U', 'D')"
        first = self.temps.make("first", first)
        refuse(self.file.one(f"SELECT count(*) FROM {first} ANTI JOIN {before} USING ({key})"))
        if not self._count(f"{KIND} <> 'D' AND contains({LEFT}, 'u')"):
            return self.name
        chained = self._chained()
        rows = f"SELECT * FROM {chained} UNION ALL BY NAME ({self._begun(before, first, chained)})"
        values = ", ".join(starmap(self._value, enumerate(self.table.columns, 1)))
        values = f"SELECT {values}, {PLACE}, {NUMBER}, {MOMENT}, {KIND}, {LEFT} FROM ({rows})"
        values += f" WINDOW w AS (PARTITION BY {CHAIN} ORDER BY {PLACE} ROWS UNBOUNDED PRECEDING)"
        return self.temps.make("filled", f"SELECT * FROM ({values}) WHERE {KIND} <> 'B'")

    def _begun(self, before: str, first: str, chained: str) -> str:
        """The rows before that the first line of a key goes on with, as lines in front of it."""
        names = ", ".join(f"b.{quoting.identifier(plan.name)}" for plan in self.table.columns)
        return (
            f"SELECT {names}, b.{MOMENT}, 0 AS {PLACE}, 0 AS {NUMBER}, c.{CHAIN}, 'B' AS {KIND}, '' AS {LEFT}"
            f" FROM {before} AS b JOIN {first} USING ({self._key}) JOIN {chained} AS c USING ({self._key}, {PLACE})"
        )

    def _value(self, number: int, plan: ColumnPlan) -> str:
        """The column's value in the last line of the row that has it."""
        name = quoting.identifier(plan.name)
        if plan.name in self.table.key:
            return name
        known = f"CASE WHEN {LEFT} = '' OR substr({LEFT}, {number}, 1) <> 'u' THEN struct_pack(v := {name}) END"
        return f"struct_extract(last_value({known} IGNORE NULLS) OVER w, 'v') AS {name}"

    def _chained(self) -> str:
        """A table of them, each with the place of the line that its row began with, under whatever key."""
        began = f"max(CASE WHEN {KIND} IN ('I', 'M') THEN {PLACE} END) OVER (w ROWS UNBOUNDED PRECEDING)"
        began = f"coalesce({began}, first_value({PLACE}) OVER w) AS {CHAIN}"
        parts = self.temps.make("parts", f"SELECT *, {began} FROM {self.name} WINDOW w AS ({self._by_key})")
        moves = (
            f"SELECT m.{PLACE} AS {CHAIN}, d.{CHAIN} AS {BEFORE} FROM {parts} AS m JOIN {parts} AS d"
            f" ON m.{KIND} = 'M' AND d.{KIND} = 'D' AND d.{PLACE} = m.{PLACE} - 1"
        )
        began = f"SELECT * REPLACE (coalesce({BEFORE}, {CHAIN}) AS {CHAIN})"
        links = self._leading_back(self.temps.make("moves", moves))
        return self.temps.make("chained", f"{began} FROM {parts} LEFT JOIN {links} USING ({CHAIN})")

    def _leading_back(self, links: str) -> str:
        """The links from where a row goes on under another key, each back to where it began; twice as far each turn."""
        turn = 0
        while True:
            further = f"JOIN {links} AS b ON b.{CHAIN} = a.{BEFORE}"
            if not self.file.one(f"SELECT count(*) FROM {links} AS a {further}"):
                return links
            turn += 1
            back = f"SELECT a.{CHAIN}, coalesce(b.{BEFORE}, a.{BEFORE}) AS {BEFORE} FROM {links} AS a LEFT {further}"
            links = self.temps.make(f"moves{turn}", back)

    def _count(self, condition: str) -> int:
        return int(self.file.one(f"SELECT count(*) FROM {self.name} WHERE {condition}"))

    @property
    def _by_key(self) -> str:
        return f"PARTITION BY {self._key} ORDER BY {PLACE}"

    @property
    def _key(self) -> str:
        return quoting.listed(self.table.key)


def refuse(count: int) -> None:
    """Raise `Untold` where so many rows are not what the log tells of them."""
    if count:
        raise Untold(f"what it tells of {count:,} rows is not what they are")
