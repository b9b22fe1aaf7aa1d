"""Keeps the histories of a file equal to what happened to its tables, in the transaction that changes those.

    begin     which histories there are, in this file and in the published one
    before    while a table is as it was: what its changes end and begin
    after     once it is as it will be
    replaced  for a table that was copied anew or mended: all of it is compared
    end       histories that nobody wants any more, and as of which rows the others are

The file that is written is older than the published one: what the last run wrote of a history is taken over first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from jobs.apply.merge import Merge
from jobs.feeds.changes import Changes
from jobs.history import commits, taking
from jobs.history.commits import CommitTurn
from jobs.history.histories import Histories, silent
from jobs.history.turn import Turn
from jobs.record import history as ledger
from jobs.tables.commits import COMMITS
from jobs.tables.table import Table


@dataclass
class Keeper(Histories):
    """See `Histories`, and above."""

    _turns: dict[str, Turn] = field(default_factory=dict)
    _handled: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Read what both files say; call it in each transaction, and first of all."""
        self._turns, self._handled = {}, set()
        self._known.read(self.past)

    def needs_comparison(self, table: Table) -> bool:
        """Whether a row that was read may be equal to what it was: where no stamp of the write is copied with it.

        An event may tell of a row that nobody wrote; and what a dual write wrote is read once more, since its
        watermark's snapshot does not see it.
        """
        if not table.spec.history:
            return False
        if table.from_events or table.name in self._known.dual:
            return True
        copied = {info.name for info in table.copied} - set(table.spec.mask)
        return table.stamp is None or table.stamp.rounded or table.stamp.column not in copied

    def before(self, table: Table, merge: Merge | None, recent: Changes | None, exempt: str = "") -> None:
        """What the changes that are about to be applied do to the table's history; `recent` were read in this run.

        `exempt` is a table of the keys that no origin is meant for.
        """
        if not table.spec.history:
            return
        saved, theirs = self._known.taken_over(table.name, self._label(table))
        self._handled.add(table.name)
        turn = self._turn(table, saved, theirs, exempt)
        if turn and (followed := self._followed(turn, merge)):
            self._turns[table.name] = followed
        elif turn and table.name not in self._known.stale:
            self._turns[table.name] = turn
            turn.before(merge, recent)
        elif theirs:
            # Then it is compared as a whole.
            taking.drop(self.file, theirs)

    def _followed(self, turn: Turn, merge: Merge | None, *, anew: bool = False) -> CommitTurn | None:
        """The turn that has followed each commit, also where the table was copied `anew`; None where it is of runs."""
        name = turn.table.name
        copied = name in self._known.copied
        if turn.table.spec.history != COMMITS or (name in self._known.stale and not copied):
            return None
        followed = commits.of(turn, copied=copied)
        if merge is None and not anew:
            return followed
        log = None if name in self.unreadable else self.log(turn.table, name in self._known.led)
        lack = followed.lack(merge, log)
        if lack:
            self._note(name, f"its history has this run's grain, since the log does not tell all: {lack}")
        return None if lack else followed

    def after(self, table: Table) -> None:
        """The same once they are applied."""
        if not table.spec.history:
            return
        turn = self._turns.get(table.name)
        if turn is None:
            self._compared(table)
            return
        turn.after()
        turn.drop()
        if turn.theirs:
            taking.drop(self.file, turn.theirs)
        self._known.write(replace(turn.saved, moment=turn.moment) if turn.written else turn.saved)

    def replaced(self, table: Table) -> None:
        """Bring the history in line with a table of which nobody knows what changed."""
        if table.spec.history:
            if old := self._known.adopt(table, self._label(table)):
                self._note(table.name, f"its history is that of {old}, as it was called before")
            saved, theirs = self._known.taken_over(table.name, self._label(table))
            if theirs:
                taking.drop(self.file, theirs)
            self._handled.add(table.name)
            if self.log is not silent and (turn := self._turn(table, saved, None)):
                self._told_of(turn)
            self._compared(table)

    def _told_of(self, turn: Turn) -> None:
        """What commits did to a table that was copied anew, as far as the log tells: the rest is compared."""
        if followed := self._followed(turn, None, anew=True):
            followed.drop()
            self._known.write(replace(turn.saved, moment=followed.moment) if followed.written else turn.saved)

    def took_over(self, names: Iterable[str]) -> None:
        """Tables that were taken as they are published, and nothing else is done to: so are their histories."""
        for name in names:
            if not self._known.take_as_published(name):
                self._handled.discard(name)

    def hold(self, names: Iterable[str]) -> None:
        """Tables that can't be copied into a file that is built anew lose no history by that."""
        self.took_over(name for name in names if name in self._known.theirs and name not in self._known.mine)

    def end(self, tables: Iterable[Table], gone: Iterable[str]) -> list[str]:
        """Remove what the config no longer wants of these tables, and of those that are `gone`; what there is to say.

        Call it when the watermarks are written.
        """
        unwanted = (table.name for table in tables if not table.spec.history)
        dropped = [name for name in (*unwanted, *gone) if name in self._known]
        for name in dropped:
            self._known.remove(name)
        self._handled.difference_update(dropped)
        for name in self._handled & self._known.mine.keys():
            self._forget(self._known.mine[name])
        ledger.catch_up(self.file, self._handled)
        lost = self._known.lost(dropped)
        return [f"the history of {name} was removed: the config no longer asks for it" for name in lost]
