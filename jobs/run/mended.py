"""What the last backfill mended and the file that is written lacks: it is brought over with the changes since."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jobs import quoting
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes
from jobs.plan.steps import DELTA, Step
from jobs.record import mended
from jobs.record.state import State
from jobs.tables.table import Table


class Mended:
    """What the published file, lying at `path`, says of a file in this state; nothing, but after a backfill."""

    def __init__(self, file: DuckSession, state: State, published: State, path: Path | None) -> None:
        self._file, self._published = file, published
        self.table = mended.table_lacking(file, path, state, published)

    @property
    def follows(self) -> str:
        """The lineage that the file is of once it is brought over; none where it is of that already."""
        return self._published.lineage if self.table else ""

    def check(self, steps: list[Step]) -> None:
        """Raise `Damaged` unless the table is brought up to date by its changes, as all others are.

        One that is copied anew is committed before the rest, and one that fails stays as it is in this file.
        """
        if not self.table:
            return
        deltas = {step.table.name for step in steps if step.action == DELTA}
        if self.table not in deltas or len(deltas) < len(steps):
            raise Damaged("the spare file lacks what was read anew")

    def changes(self, table: Table, label: str) -> Changes | None:
        """The rows that were mended as they are published, and the keys that went; what changed since goes over it."""
        if table.name != self.table:
            return None
        file, key, theirs = self._file, quoting.listed(table.key), f"published.{table.file_quoted}"
        changed, gone = f"temp.mended_{label}", f"temp.unmended_{label}"
        columns, keys = quoting.listed(plan.name for plan in table.columns), f"published.{mended.KEYS}"
        changes.make(file, changed, f"SELECT {columns} FROM {theirs} SEMI JOIN {keys} USING ({key})")
        changes.make(file, gone, f"SELECT {key} FROM {keys} ANTI JOIN {changed} USING ({key})")
        return changes.counted(file, changed, gone)


def record(file: DuckSession, published: State, lacked: Mapping[str, str]) -> None:
    """Say what the published file lacks of the table that a range was read anew of, if it lacks no more than that.

    `lacked` names a table of its keys by the table's name.
    """
    if file.private:
        mended.forget(file)
    for name, keys in lacked.items() if len(lacked) == 1 else ():
        mended.write(file, published, name, f"FROM {keys}")
    for keys in lacked.values():
        file.execute(f"DROP TABLE {changes.bare(keys)}")
