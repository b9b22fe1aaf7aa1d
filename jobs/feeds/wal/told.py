"""What the commits since a file's position did to the rows of one table, in order, as the log has it. Pure.

A value that an update left alone may be missing in the log: it is the one that the row had before, also where the row
has another key now. So an update of a key is told as two lines: the end of the one, and right behind it what it became.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobs.feeds.wal.pgoutput import Key, Transaction
from jobs.feeds.wal.tape import DELETED, INSERTED, LEFT, MOVED, TRUNCATED, UPDATED, Change, Row
from jobs.tables.table import Table

_EPOCH, _TICK = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Untold(Exception):
    """The log doesn't tell all of what was done to the table; the text says why not."""


@dataclass(frozen=True)
class Line:
    """What was done to one row by the commit of this `number`, at this `moment`; `values` are the copied columns'.

    Of a row that is gone there is nothing but the key. One that moved goes on with what the line before has ended.
    """

    number: int
    moment: datetime
    kind: str
    values: Row


@dataclass(frozen=True)
class Told:
    """The commits of these transactions, which are given in the order of their commits."""

    table: Table
    relids: Collection[int]
    transactions: Sequence[Transaction]

    def lines(self, after: datetime) -> Iterator[Line]:
        """All of it, one by one. Raises `Untold`.

        The moment of each commit is later than that of the one before, and than `after`: the source's clock may go
        backwards, and two commits may have one.
        """
        for number, one in enumerate(self.transactions, 1):
            if one.tape is None or not one.touched.intersection(self.relids) <= one.tape.relids:
                raise Untold("nobody kept what was done to its rows")
            after = max(_EPOCH + timedelta(microseconds=one.at), after + _TICK)
            for change in one.tape.changes(self.relids):
                for kind, values in self._said(change):
                    yield Line(number, after, kind, values)

    def _said(self, change: Change) -> Iterator[tuple[str, Row]]:
        kind, old, new, row = change
        if kind == TRUNCATED:
            yield kind, [None] * len(self.table.copied)
        elif kind in (INSERTED, UPDATED) and new is not None and row is not None:
            moved = kind == UPDATED and old is not None and old != new
            if moved and old is not None:
                yield DELETED, self._bare(old)
            yield MOVED if moved else kind, self._whole(row, new)
        elif kind == DELETED and old is not None:
            yield kind, self._bare(old)
        else:
            raise Untold("not all that was done to its rows can be read")

    def _whole(self, row: Row, key: Key) -> Row:
        """The row with its key, which may be one of the values that were left alone."""
        values = list(row)
        for place, value in zip(self._places, key, strict=True):
            values[place] = value
        return values

    def _bare(self, key: Key) -> Row:
        """Nothing but the key is known."""
        return self._whole([LEFT] * len(self.table.copied), key)

    @property
    def _places(self) -> list[int]:
        names = [info.name for info in self.table.copied]
        return [names.index(name) for name in self.table.source_key]
