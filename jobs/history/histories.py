"""What a run knows of the histories of one file, and how one of them is compared with its table as a whole."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from jobs.engine.session import DuckSession
from jobs.feeds.wal.told import Told
from jobs.history import place, rewriting, whole
from jobs.history.known import Known
from jobs.history.taking import Theirs
from jobs.history.turn import Turn
from jobs.record import history as ledger
from jobs.record.history import SavedHistory
from jobs.tables.table import Table

_TICK = timedelta(microseconds=1)
# Of the time that is kept, how much may pass until what is older is looked for: to forget it writes all anew.
_SELDOM = 10

Log = Callable[[Table, bool], Told | None]


def silent(table: Table, published: bool) -> Told | None:
    """A log that nobody reads."""
    return None


@dataclass
class Histories:
    """The histories of one file, in a run that sees the source at `as_of`.

    `past` is the file that is published, or what is left of the ones before. `origin` is what is said of all versions
    where tables are compared whole that were mended. Of the tables `ranged`, rows were read that no other run would
    have: what only these tell may have been so for long. `log` says what was committed since the rows of a file, the
    published one or this; of the `unreadable` it has texts that are none any more. `notes` are what there is to say
    of tables.
    """

    file: DuckSession
    as_of: datetime
    label: str
    past: Path | None = None
    retention: timedelta | None = None
    origin: str = ""
    ranged: frozenset[str] = frozenset()
    log: Log = silent
    unreadable: dict[str, str] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    _known: Known = field(init=False)

    def __post_init__(self) -> None:
        self._known = Known(self.file)

    def _turn(self, table: Table, saved: SavedHistory | None, theirs: Theirs | None, exempt: str = "") -> Turn | None:
        """None where the history is of other columns."""
        if saved is None or saved.signature != rewriting.signature(table):
            return None
        origin = "backfill" if table.name in self.ranged else ""
        return Turn(self.file, table, saved, theirs, self._moment(saved), self._label(table), origin, exempt)

    def _compared(self, table: Table) -> None:
        saved = self._known.mine.get(table.name)
        rewrite = rewriting.planned(self.file, saved, table) if saved else None
        for note in rewrite.notes if rewrite else ():
            self._note(table.name, note)
        if saved is None or (rewrite and rewrite.anew):
            self._begun(table, saved, rewrite.anew if rewrite else "")
            return
        saved = rewriting.rewrite(self.file, saved, table, rewrite) if rewrite else saved
        moment, altered = self._moment(saved), rewrite.altered if rewrite else ()
        count = whole.compare(self.file, table, moment, self._label(table), origin=self.origin, altered=altered)
        self._known.write(replace(saved, moment=moment) if count else saved)

    def _begun(self, table: Table, before: SavedHistory | None, reason: str) -> None:
        ledger.create(self.file)
        moment = self._moment(before) if before else self.as_of
        saved = SavedHistory(
            table.name, moment, moment, secrets.token_hex(4), rewriting.signature(table), place.made_of(table)
        )
        count = whole.begin(self.file, table, saved)
        self._note(table.name, f"its history begins {'anew: ' + reason if reason else f'with {count:,} rows'}")
        self._known.write(saved)

    def _forget(self, saved: SavedHistory) -> None:
        """Now and then, what ended before the time that is to be kept."""
        if self.retention is None:
            return
        until, last = self.as_of - self.retention, saved.forgotten or saved.begun
        if until - last > self.retention / _SELDOM:
            self._known.write(rewriting.forget(self.file, saved, until))

    def _moment(self, saved: SavedHistory) -> datetime:
        """This run's, later than any that the history knows of: the source's clock may have been set back."""
        return max(self.as_of, saved.moment + _TICK)

    def _label(self, table: Table) -> str:
        return f"{self.label}_{table.relid}"

    def _note(self, name: str, note: str) -> None:
        self.notes.setdefault(name, []).append(note)
