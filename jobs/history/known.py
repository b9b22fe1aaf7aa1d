"""The histories that a file and the published one say they have, as a run changes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.engine.session import DuckSession
from jobs.history import place, taking
from jobs.history.taking import Theirs
from jobs.record import history as ledger
from jobs.record.history import Histories, SavedHistory
from jobs.tables.table import Table


def remove(file: DuckSession, names: Iterable[str]) -> None:
    """Take the histories of these tables out of the file."""
    names = list(names)
    # One of a table that was moved to another schema lies where the new one's does.
    taken = {place.of(name).name for name in ledger.read(file).keys() - set(names)}
    for name in names:
        if place.of(name).name not in taken:
            place.remove(file, name)
    ledger.forget(file, names)


@dataclass
class Known:
    """What one transaction knows: `mine` of the file that is written, `theirs` of the published one.

    Of the `stale` ones the table was written to, since, by somebody who knows of no history. The tables `dual` were
    brought up to date last by a dual write, in one of the files.
    """

    file: DuckSession
    mine: dict[str, SavedHistory] = field(default_factory=dict)
    theirs: dict[str, SavedHistory] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    # Stale for no other reason than that all of theirs was taken, and the table is the older file's.
    copied: set[str] = field(default_factory=set)
    # Those of which the published file had more: they are as of its rows, once theirs are taken over.
    led: set[str] = field(default_factory=set)
    dual: set[str] = field(default_factory=set)
    _seen: Histories = field(default_factory=dict)

    def read(self, past: Path | None) -> None:
        """Look what both files say; `past` is the published one, where its histories matter."""
        self.mine = ledger.read(self.file)
        if past is not None:
            self.file.attach_published(past)
            self.theirs = ledger.read_published(self.file)
        self._seen = self.theirs if self.file.private else dict(self.mine)
        self.copied, self.led = set(), set()
        self.stale = self._strange("out", self.mine) | self._strange("published", self.theirs)
        self.dual = ledger.read_dual(self.file, published=False) if self.mine else set()
        self.dual |= ledger.read_dual(self.file, published=True) if self.theirs else set()

    def __contains__(self, name: str) -> bool:
        return name in self.mine or name in self.theirs

    def write(self, saved: SavedHistory) -> None:
        """Put this in place of what the file said of it."""
        ledger.create(self.file)
        ledger.write(self.file, saved)
        self.mine[saved.table] = saved

    def remove(self, name: str) -> None:
        """Take a history out of the file, where it is there."""
        if self.mine.pop(name, None):
            remove(self.file, [name])

    def adopt(self, table: Table, label: str) -> str:
        """Let a table that was renamed or moved keep its history; the name that it had, or none.

        It is known by its number in PostgreSQL.
        """
        if table.name in self:
            return ""
        number, key = table.signature["table"], list(table.key)
        both = (*self.theirs.values(), *self.mine.values())
        old = next((one.table for one in both if one.signature["table"] == number and one.key == key), "")
        saved, theirs = self.taken_over(old, label)
        if theirs:
            taking.drop(self.file, theirs)
        if saved is None:
            return ""
        for name in [name for name in self.mine if name != old and place.of(name).name == place.of(table.name).name]:
            self.remove(name)
        place.rename(self.file, saved, replace(saved, table=table.name))
        del self.mine[old]
        ledger.forget(self.file, [old])
        self.write(replace(saved, table=table.name))
        return old

    def lost(self, dropped: Iterable[str]) -> list[str]:
        """Those of which readers see a history that is nobody's here, under another name either.

        So each is told once: the other file gives up its own in the next run.
        """
        numbers = [saved.signature["table"] for saved in self.mine.values()]
        return [one for one in dropped if one in self._seen and self._seen[one].signature["table"] not in numbers]

    def taken_over(self, name: str, label: str) -> tuple[SavedHistory | None, Theirs | None]:
        """The history with what the published file's has more, which is in tables of this label; None without any."""
        mine, theirs = self.mine.get(name), self.theirs.get(name)
        if theirs is None or not taking.is_ahead(mine, theirs):
            return mine, None
        self.led.add(name)
        ledger.create(self.file)
        taken = taking.take_over(self.file, mine, theirs, label)
        if taken is None:
            # It is of the published file's rows, the table is older.
            self.copied |= {name} - self.stale
            self.stale.add(name)
        self.write(theirs)
        return theirs, taken

    def take_as_published(self, name: str) -> bool:
        """Have the history as the published file has it; False where none was there, so that none is here now."""
        if name in self.theirs:
            place.copy(self.file, self.theirs[name])
            self.write(self.theirs[name])
            return True
        self.remove(name)
        return False

    def _strange(self, catalog: str, histories: Histories) -> set[str]:
        if not histories:
            return set()
        marks = self.file.rows(f"SELECT table_name, run_id FROM {catalog}.neaptide.watermarks")
        runs = {row["table_name"]: row["run_id"] for row in marks}
        return {name for name, saved in histories.items() if runs.get(name) != saved.run_id}
