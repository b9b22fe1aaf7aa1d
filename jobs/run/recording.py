"""What a run writes of itself into its work file: identity, watermarks and its record; and what it leaves the next."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from jobs.engine.session import DuckSession
from jobs.feeds.changes import Changes
from jobs.plan import steps as plan
from jobs.plan.steps import Step
from jobs.record import model_runs, runs
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import Run
from jobs.run import carry
from jobs.run.carry import Carried
from jobs.run.context import Context
from jobs.targets.file import freshness


class Recording:
    """What is written of one attempt to a file that was found in this state.

    `earlier` is the file whose record of runs is taken over, `carried` what the last run left in the session.
    """

    def __init__(
        self, context: Context, file: DuckSession, state: State, carried: Carried, earlier: Path | None
    ) -> None:
        self._context, self._now, self._file = context, context.now, file
        self._state, self._carried, self._earlier = state, carried, earlier
        self.run_id = next_run_id(context.published, state)
        self.lineage, self.row_group = state.lineage, state.row_group
        self._record: runs.Record | None = None
        self._last_end: runs.End = None

    def write_identity(self) -> None:
        """Which source the file is of, and how its row groups are cut."""
        ledger.write_identity(
            self._file, self._now.identity, self._now.snapshot, self.lineage, self.row_group, self._context.job.part
        )

    def write_watermarks(self, steps: list[Step]) -> None:
        """Of a table that is as the file says, nothing but the position changes."""
        saved = [self._context.saved_after(step) for step in steps]
        moved = [one for one in saved if ledger.only_moved(self._state.tables.get(one.table), one)]
        moved_names = {one.table for one in moved}
        ledger.move_watermarks(self._file, moved, self.run_id)
        ledger.write_watermarks(self._file, (one for one in saved if one.table not in moved_names), self.run_id)

    def write_record(self, run: Run) -> None:
        """The run's record, after those of the runs before."""
        context, carried = self._context, self._carried
        pending = context.pending
        self._last_end = pending.ended if pending and pending.ended else freshness.end_known(context.job.files)
        source = self._context.job.part
        self._record = runs.of(run, self._now.clocks | ({"source": source} if source else {}))
        ended: model_runs.Rows = ()
        records = [self._record]
        if carried.record is not None:
            ended = runs.complete(self._file, carried.base_end)
            records.insert(0, carried.record.ended(self._last_end))
        elif self._file.at_once:
            ended = runs.complete(self._file, self._last_end)
        elif self._earlier is not None:
            ended = runs.take_over(self._file, self._earlier, self._last_end)
        runs.write(self._file, records, ended, keep=context.job.settings.sync.keep_runs)

    def hand_on(self, to_carry: Mapping[str, Changes | None]) -> None:
        """Keep what this run changed for the next one, in a session that stays open.

        Not where the work file was ahead of the published one, because the run that wrote it never got to publish: the
        next run's file then lacks what both of them changed.
        """
        base = self._context.published
        if self._context.job.sessions is None or self._state.run_id > base.run_id or self._file.at_once:
            carry.drop(self._file)
            return
        carry.hand_on(self._file, Carried(base, self.run_id, to_carry, self._record, self._last_end))

    def keep_last(self) -> list[str]:
        """A table that failed stays as it is published: this file may hold it as it was a run earlier.

        Returns those that had to be taken from there.
        """
        if not self._now.failures:
            return []
        theirs, mine = self._context.published.tables, ledger.read(self._file, source=self._context.job.part).tables
        behind = [
            name
            for name in self._now.failures
            if name in theirs and (name not in mine or mine[name].watermark != theirs[name].watermark)
        ]
        path = self._context.job.files.published
        if not behind or path is None:
            return []
        ledger.take_over(self._file, path, behind)
        if not plan.is_of(self._context.published, self._now.identity, self._now.snapshot):
            ledger.disown(self._file, behind)
            self._now.warnings.append(told_foreign(behind))
        return behind


def told_foreign(names: list[str]) -> str:
    """The warning that says what is kept of another source."""
    return f"{', '.join(names)}: the rows stay as another source had them until the table can be copied anew"


def next_run_id(published: State, state: State) -> str:
    """One above the newest run of both files; ids sort by age."""
    last = max(published.run_id, state.run_id)
    number = int(last.partition("-")[0]) + 1 if last else 1
    return f"{number:09d}-{secrets.token_hex(3)}"
