"""One run's part of a history that is of commits: every version that a commit left, as the log tells it.

What the log has are texts, read back by PostgreSQL and put beside the version that each row had before; a value that
was left alone is that one's. Of two changes by one commit the last counts. The last version of each row has to be what
the run's snapshot has of it: what the file's table takes over is never what the log says, but what was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs import quoting
from jobs.apply.merge import Merge
from jobs.engine import rows
from jobs.feeds.wal.told import Told, Untold
from jobs.history import place, whole
from jobs.history.lines import KIND, MOMENT, NUMBER, PLACE, Lines, own, refuse
from jobs.history.turn import Turn

_TICK = timedelta(microseconds=1)
ALIVE, NTH, SINCE, LIVED, FOUND = map(own, ("alive", "nth", "since", "lived", "found"))


def of(turn: Turn, *, copied: bool) -> CommitTurn:
    """The turn as one that goes by what the log has told.

    `copied`: the history was taken from the published file, and the rows of this one are older.
    """
    return CommitTurn(
        turn.file, turn.table, turn.saved, turn.theirs, turn.moment, turn.label, turn.origin, turn.exempt, copied=copied
    )


@dataclass
class CommitTurn(Turn):
    """See `Turn`. `copied`: the rows of the file are of an older run than its history."""

    copied: bool = False

    def lack(self, merge: Merge | None, log: Told | None) -> str:
        """Follow the log, and why it doesn't tell all; empty where it does, None of it where it can't be read."""
        try:
            if log is None:
                raise Untold("it was not read since, or it has texts that are none any more")
            self.follow(log, merge)
        except Untold as reason:
            self.drop()
            return str(reason)
        return ""

    def follow(self, log: Told, merge: Merge | None) -> None:
        """Write what the log has told, while the table is as it was, and `merge` is what is about to be done to it.

        Without it the table was copied anew. Raises `Untold`, before anything is written, and `Unread`.
        """
        lines = Lines(self.file, self.table, self._temps)
        lines.take(log, self.saved.moment)
        if lines.is_empty:
            return
        before = self._temps.make("before", self._versions_before(lines, merge))
        lines.end_all(before)
        states = self._temps.make("states", self._states(lines.filled(before), before))
        self._check(states, merge.changes.changed if merge else rows.out(self.table))
        self._write_steps(self._temps.make("steps", self._steps(states)))

    def after(self) -> None:
        """The last versions of the rows are what the table holds: that was looked at, but for what a range has told."""
        if self.origin:
            self.written += whole.compare(self.file, self.table, self.moment, self.label, origin=self.origin)

    def _versions_before(self, lines: Lines, merge: Merge | None) -> str:
        """A SELECT of the present versions of the rows that were changed."""
        asked, key = f"SELECT DISTINCT {self._key} FROM {lines.name}", self._key
        names = f"{self._columns}, valid_from AS {MOMENT}"
        if merge is None or self.copied:
            some = "" if lines.truncates else f" SEMI JOIN ({asked}) USING ({key})"
            return f"SELECT {names} FROM ({whole.current(self.table)}){some}"
        present = self._present(self._temps.make("told", asked), merge)
        return f"SELECT {names} FROM {place.of(self.table.name).versions} SEMI JOIN {present} USING ({key}, valid_from)"

    def _states(self, filled: str, before: str) -> str:
        """A SELECT of what each commit left of each row, the `nth` of it; the first is what was there before."""
        key = self._key
        left = (
            f"SELECT {self._columns}, {NUMBER}, {MOMENT}, {KIND} <> 'D' AS {ALIVE} FROM {filled}"
            f" QUALIFY row_number() OVER (PARTITION BY {key}, {NUMBER} ORDER BY {PLACE} DESC) = 1"
        )
        there = f"SELECT {self._columns}, 0 AS {NUMBER}, {MOMENT}, true AS {ALIVE} FROM {before}"
        nth = f"row_number() OVER (PARTITION BY {key} ORDER BY {NUMBER}) AS {NTH}"
        return f"SELECT *, {nth} FROM ({left} UNION ALL {there})"

    def _check(self, states: str, now: str) -> None:
        """Raise `Untold` where the last state of a row is not what the run has read of it."""
        key = self._key
        last = f"SELECT * FROM {states} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {NTH} DESC) = 1"
        keys = f"SELECT {key} FROM {states} WHERE {NUMBER} > 0"
        present_rows = f"SELECT {self._columns}, true AS {FOUND} FROM {now} SEMI JOIN ({keys}) USING ({key})"
        wrong = f"l.{ALIVE} <> (n.{FOUND} IS NOT NULL) OR (l.{ALIVE} AND NOT ({self._same('l', 'n')}))"
        met = " AND ".join(f"l.{name} = n.{name}" for name in map(quoting.identifier, self.table.key))
        last = f"SELECT * FROM ({last}) SEMI JOIN ({keys}) USING ({key})"
        refuse(
            self.file.one(f"SELECT count(*) FROM ({last}) AS l LEFT JOIN ({present_rows}) AS n ON {met} WHERE {wrong}")
        )

    def _steps(self, states: str) -> str:
        """A SELECT of the states that differ from the one before, with the moment `since` which that was so."""
        key = self._key
        met = " AND ".join(f"c.{name} = p.{name}" for name in map(quoting.identifier, self.table.key))
        differs = f"NOT (c.{ALIVE} AND coalesce(p.{ALIVE}, false) AND {self._same('c', 'p')})"
        differs += f" AND (c.{ALIVE} OR coalesce(p.{ALIVE}, false))"
        changed = (
            f"SELECT c.* FROM {states} AS c LEFT JOIN {states} AS p ON {met} AND p.{NTH} = c.{NTH} - 1"
            f" WHERE c.{NUMBER} = 0 OR ({differs})"
        )
        return (
            f"SELECT *, lag({MOMENT}) OVER w AS {SINCE}, coalesce(lag({ALIVE}) OVER w, false) AS {LIVED}"
            f" FROM ({changed}) WINDOW w AS (PARTITION BY {key} ORDER BY {NUMBER})"
        )

    def _write_steps(self, steps: str) -> None:
        """End and begin versions."""
        key, here = self._key, place.of(self.table.name)
        self.written += self.file.one(
            f"INSERT INTO {here.ends} ({key}, valid_from, valid_to, ended_by) SELECT {key}, {SINCE}, {MOMENT},"
            f" CASE WHEN {ALIVE} THEN 'update' ELSE 'delete' END FROM {steps} WHERE {NUMBER} > 0 AND {LIVED}"
        )
        self.written += self.file.one(
            f"INSERT INTO {here.versions} ({self._columns}, valid_from, operation) SELECT {self._columns}, {MOMENT},"
            f" CASE WHEN {LIVED} THEN 'update' ELSE 'insert' END FROM {steps} WHERE {NUMBER} > 0 AND {ALIVE}"
        )
        last: datetime | None = self.file.one(f"SELECT max({MOMENT}) FROM {steps} WHERE {NUMBER} > 0")
        # What else this run finds is of its own moment, unless a commit is of a later one.
        self.moment = max(self.moment, last + _TICK) if self.origin and last else last or self.moment

    def _same(self, one: str, other: str) -> str:
        pairs = (f"{rows.exact(p, one)} IS NOT DISTINCT FROM {rows.exact(p, other)}" for p in self.table.columns)
        return " AND ".join(pairs)
