"""One run's part of one history: which versions end, and which begin.

A row's present version is found without a look at what it holds: its key is in the table, and its beginning is that of
the history, or one of the few later ones. So what is told as a change has to be one: a row that was only read again is
left out before (`jobs.apply.merge`), and one that the last run changed is compared with what that run has written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from jobs import quoting
from jobs.apply.merge import Merge
from jobs.engine import rows
from jobs.engine.session import DuckSession
from jobs.feeds.changes import Changes
from jobs.history import place
from jobs.history.taking import Theirs
from jobs.history.temps import Temps
from jobs.record.history import SavedHistory
from jobs.tables.table import Table


@dataclass
class Turn:
    """What a run that sees the source at `moment` does to the history of a table, in the transaction of its rows.

    `origin` is what is said of versions that are no change of the source's, "backfill" say: of all but the keys in the
    table `exempt`. `written` is how many versions began or ended.
    """

    file: DuckSession
    table: Table
    saved: SavedHistory
    theirs: Theirs | None
    moment: datetime
    label: str
    origin: str = ""
    exempt: str = ""
    written: int = 0
    _unseen: str = ""
    _temps: Temps = field(init=False)

    def __post_init__(self) -> None:
        self._temps = Temps(self.file, self.label)

    def before(self, merge: Merge | None, recent: Changes | None) -> None:
        """While the table is as it was, and `merge` is what is about to be done to it.

        `recent` are those of its changes that were read now; what the run before has left of its own may be more than
        what it changed of the file that it was to bring over.
        """
        self._leave(merge.changes if merge else None)
        if merge is None:
            return
        key, gathered = self._key, merge.changes
        coming = self._temps.make("coming", self._candidates(merge.fresh, gathered, recent))
        asked = self._temps.make("asked", f"SELECT {key} FROM {coming} UNION SELECT {key} FROM {gathered.gone}")
        self._write(coming, gathered.gone, self._present(asked, merge))

    def after(self) -> None:
        """Once the table is as it will be: what the last run wrote of rows that nobody told this one of any more.

        Where keys are compared, one that came and went between two runs onto this file is in no comparison.
        """
        if self.theirs is None or not self.file.one(f"SELECT count(*) FROM {self._unseen}"):
            return
        key, unseen = self._key, self._unseen
        coming = f"SELECT {self._columns} FROM {rows.out(self.table)} SEMI JOIN {unseen} USING ({key})"
        coming = self._temps.make("found", coming)
        gone = f"(SELECT {key} FROM {unseen} ANTI JOIN {coming} USING ({key}))"
        alive = f"(SELECT {key}, valid_from FROM {self.theirs.alive} SEMI JOIN {unseen} USING ({key}))"
        # No range was read for these.
        self.origin = ""
        self._write(coming, gone, alive)

    def _candidates(self, fresh: str, gathered: Changes, recent: Changes | None) -> str:
        """A SELECT of the rows that may begin a version."""
        key, parts = self._key, []
        if recent is not None:
            now = f" SEMI JOIN {recent.changed} USING ({key})" if recent is not gathered else ""
            others = f" ANTI JOIN {self.theirs.keys} USING ({key})" if self.theirs else ""
            parts.append(f"SELECT {self._columns} FROM {fresh}{now}{others}")
        if self.theirs:
            # Equal to what this file has, it may still differ from what the last run wrote into the other.
            parts.append(f"SELECT {self._columns} FROM {gathered.changed} SEMI JOIN {self.theirs.keys} USING ({key})")
        return " UNION ALL ".join(parts) or f"SELECT {self._columns} FROM {fresh} WHERE false"

    def _leave(self, gathered: Changes | None) -> None:
        """Note what the last run wrote that is not among these changes."""
        if self.theirs is None:
            return
        key, seen = self._key, ""
        if gathered is not None:
            keys = f"SELECT {key} FROM {gathered.changed} UNION ALL SELECT {key} FROM {gathered.gone}"
            seen = f" ANTI JOIN ({keys}) USING ({key})"
        self._unseen = self._temps.make("untold", f"SELECT {key} FROM {self.theirs.keys}{seen}")

    def drop(self) -> None:
        """Free the temporary tables that it made."""
        self._temps.drop()

    @property
    def _key(self) -> str:
        return quoting.listed(self.table.key)

    @property
    def _columns(self) -> str:
        return quoting.listed(plan.name for plan in self.table.columns)

    @property
    def _now(self) -> str:
        return f"TIMESTAMPTZ {quoting.literal(self.moment.isoformat())}"

    def _present(self, asked: str, merge: Merge) -> str:
        """The keys among these that have a version now, each with that one's beginning."""
        key, versions = self._key, place.of(self.table.name).versions
        begun = f"TIMESTAMPTZ {quoting.literal(self.saved.begun.isoformat())}"
        # Before the table is looked at: to leave these out of its rows would cost a look at each of them.
        others = f" ANTI JOIN {self.theirs.keys} USING ({key})" if self.theirs else ""
        there = merge.present(f"SELECT {key} FROM {asked}{others}")
        # Most versions are as old as the history, and their row groups say so.
        later = (
            f"SELECT {key}, max(valid_from) AS valid_from FROM {versions} SEMI JOIN {there} USING ({key})"
            f" WHERE valid_from > {begun} GROUP BY ALL"
        )
        present = (
            f"SELECT {key}, coalesce(l.valid_from, {begun}) AS valid_from FROM {there}"
            f" LEFT JOIN ({later}) AS l USING ({key})"
        )
        if self.theirs:
            present += f" UNION ALL SELECT {key}, valid_from FROM {self.theirs.alive} SEMI JOIN {asked} USING ({key})"
        return self._temps.make("present", present)

    def _write(self, coming: str, gone: str, present: str) -> None:
        """End the versions that are present, and begin the coming ones, where they differ."""
        key, here = self._key, place.of(self.table.name)
        same = " AND ".join(
            f"{rows.exact(plan, 'c')} IS NOT DISTINCT FROM {rows.exact(plan, 'a')}" for plan in self.table.columns
        )
        names = ", ".join(f"c.{quoting.identifier(plan.name)}" for plan in self.table.columns)
        new = f"SELECT {names}, p.valid_from AS before FROM {coming} AS c LEFT JOIN {present} AS p USING ({key})"
        if self.theirs:
            joined = " AND ".join(f"c.{name} = a.{name}" for name in map(quoting.identifier, self.table.key))
            new += f" ANTI JOIN {self.theirs.alive} AS a ON {joined} AND {same}"
        new = self._temps.make(f"new{len(self._temps.names)}", new)
        old = f"SELECT {key}, before AS valid_from FROM {new} WHERE before IS NOT NULL"
        out = f"SELECT {key}, valid_from FROM {present} SEMI JOIN {gone} USING ({key}) ANTI JOIN {coming} USING ({key})"
        for which, word in ((old, "update"), (out, "delete")):
            self.written += self.file.one(
                f"INSERT INTO {here.ends} ({key}, valid_from, valid_to, ended_by)"
                f" SELECT {key}, valid_from, {self._now}, {self._said(quoting.literal(word))} FROM ({which})"
            )
        operation = self._said("CASE WHEN before IS NULL THEN 'insert' ELSE 'update' END")
        self.written += self.file.one(
            f"INSERT INTO {here.versions} ({self._columns}, valid_from, operation)"
            f" SELECT {self._columns}, {self._now}, {operation} FROM {new}"
        )

    def _said(self, word: str) -> str:
        """The origin, or the word for a row that a run would have seen without it."""
        if not self.origin:
            return word
        key = self._key if len(self.table.key) == 1 else f"({self._key})"
        is_exempt = f"{key} IN (SELECT {key} FROM {self.exempt})" if self.exempt else "false"
        return f"CASE WHEN {is_exempt} THEN {word} ELSE {quoting.literal(self.origin)} END"
