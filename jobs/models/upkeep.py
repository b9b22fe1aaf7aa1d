"""Keeps the models of a file equal to their SELECTs, in the transaction that changes the tables beneath them.

    begin    which models are current; of the others nothing is known, and they are built anew
    before   while the tables are as they were: what will change of them
    after    once they are as they will be: the models that read what changed, in the order of their inputs

A model that isn't current is out of the file when the transaction ends: an absent model is honest, a stale one is not.
`jobs.models.build` makes it anew once the tables are committed, before anybody sees the file.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import duckdb

from app import errors
from jobs import faults
from jobs.engine.session import DuckSession
from jobs.models import costs, making, place, standing
from jobs.models.analysis.shapes import Analysis
from jobs.models.costs import Costs
from jobs.models.folder import Folder
from jobs.models.moved import Moved
from jobs.models.planning import Planning
from jobs.models.relations import Relations
from jobs.models.restricted import Restricted
from jobs.models.scratch import Columns, Scratch
from jobs.models.standing import Standing
from jobs.models.sums import Sums
from jobs.record import models as ledger
from jobs.record.models import SavedModel
from jobs.results import ModelRun


class ModelFailed(Exception):
    """One model can't be kept; it is no reason to leave the tables and the other models as they are."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.name, self.reason = name, reason


@dataclass(frozen=True)
class Replaced:
    """What a run changes of one table: its rows that go and those that come, in tables of the session."""

    columns: Columns
    old: str
    new: str
    distinct: bool = True


@dataclass
class Plan:
    """What is left to be done for the models of a run once its transaction is committed, and what it did to them."""

    run_id: str
    planning: Planning
    standings: list[Standing] = field(default_factory=list)
    touched: frozenset[str] = frozenset()
    runs: list[ModelRun] = field(default_factory=list)


class Upkeep:
    """What one transaction does to the models of a file. `avoid` says why models failed that it is to leave alone."""

    def __init__(self, file: DuckSession, folder: Folder, run_id: str, avoid: Mapping[str, str] | None = None) -> None:
        self._file, self._avoid = file, avoid or {}
        self._planning = Planning(file, folder)
        self._scratch = Scratch(file)
        self._relations = Relations(file, self._scratch, self._planning)
        self._sums: dict[str, Sums] = {}
        self._saved: list[SavedModel] = []
        self._models = ledger.Models()
        self._has_any = False
        self.plan = Plan(run_id, self._planning)

    def begin(self) -> None:
        """Find out how the models stand."""
        self._models = ledger.read(self._file)
        self._has_any = bool(self._models.by_name or self._planning.folder.models or self._planning.folder.bad)
        if not self._has_any:
            return
        ledger.create(self._file)
        self.plan.standings = standing.judge(self._planning, self._models, self._avoid)
        self._planning.inputs = {one.name: one.inputs for one in self._current()}

    def reads(self, table: str) -> bool:
        """Whether what changes of the table has to be known."""
        return any(table in one.inputs for one in self._current())

    def before(self, replaced: Mapping[str, Replaced]) -> None:
        """Note what is about to change of the tables that models read."""
        self._planning.prepare(one.name for one in self._current() if replaced.keys() & set(one.tables))
        for table, rows in replaced.items():
            self._scratch.own(rows.old)
            self._scratch.own(rows.new)
            self._relations.note(table, rows.columns, rows.old, rows.new, distinct=rows.distinct)
        moved = [one for one in self._current() if one.saved and self._relations.has_moved(one.inputs)]
        summed = [one for one in moved if one.saved and one.saved.kind == "sums"]
        self._relations.sums = [one.name for one in summed]
        for one in summed:
            with failing(one.name):
                self._sums[one.name] = Sums(self._relations, place.full(one.name), self._analysis(one))
                self._sums[one.name].before()

    def after(self, touched: Collection[str], lost: Collection[str]) -> None:
        """Bring the models over it. `lost` are tables that were replaced without a word of what changed of them."""
        plan = self.plan
        if not self._has_any:
            return
        plan.touched = frozenset(touched) | frozenset(lost)
        plan.standings = [_without(one, lost) for one in plan.standings]
        self._scratch.forget()
        for one in self._current():
            if self._relations.has_moved(one.inputs):
                with failing(one.name):
                    self._maintain(one)
        self._remove()
        ledger.write(self._file, self._saved)
        ledger.catch_up(self._file)
        self._scratch.drop()

    def _current(self) -> list[Standing]:
        return [one for one in self.plan.standings if one.is_current]

    def _analysis(self, one: Standing) -> Analysis:
        return self._planning.analysis(one.name)

    def _maintain(self, one: Standing) -> None:
        began = time.monotonic()
        done = self._maintained(one, self._analysis(one))
        if done.moved is not None:
            self._relations.moved[place.full(one.name)] = done.moved
        assert one.saved is not None
        rows = one.saved.rows + done.grown
        run = ModelRun(
            one.name, done.action, one.saved.kind, done.keys, rows, time.monotonic() - began, done.reason, done.cause
        )
        self.plan.runs.append(run)
        last = replace(
            one.saved, run_id=self.plan.run_id, action=run.action, keys=run.keys, rows=rows, seconds=run.seconds
        )
        if done.cause:
            last = replace(last, build_run_id=last.run_id, build_seconds=run.seconds, reason=run.reason)
        if done.costs:
            last = replace(last, costs=costs.as_dict(done.costs))
        self._saved.append(last)
        faults.point("model_kept")

    def _maintained(self, one: Standing, analysis: Analysis) -> Done:
        name, witnessed = place.full(one.name), self._is_read(one)
        if analysis.kind == "sums":
            sums = self._sums.get(one.name) or Sums(self._relations, name, analysis)
            moved = sums.after(witnessed=witnessed)
            return Done("sums", moved=moved, keys=sums.count, grown=sums.grown)
        if analysis.kind == "whole":
            # Whichever column it was: a SELECT may read one that it doesn't name, by NATURAL JOIN or in a row.
            return self._rebuilt(name, analysis, one.saved, "input", "an input changed")
        restricted = Restricted(self._relations, name, analysis)
        if not restricted.find():
            return Done(analysis.kind)
        return self._cheaper(restricted, name, analysis, one.saved, witnessed=witnessed)

    def _cheaper(
        self, restricted: Restricted, name: str, analysis: Analysis, saved: SavedModel | None, *, witnessed: bool
    ) -> Done:
        """Work out the keys that were found, or make the model anew, by what either took before."""
        assert saved is not None
        known, rows = costs.of(saved.costs), saved.rows
        began = time.process_time()
        if restricted.count > known.threshold(rows):
            done = self._rebuilt(name, analysis, saved, *costs.rebuild_reason(known, restricted.count, rows))
            return replace(done, costs=known.rebuilt(rows, time.process_time() - began))
        moved = restricted.apply(witnessed=witnessed)
        done = Done(analysis.kind, moved=moved, keys=restricted.count, grown=restricted.grown)
        return replace(done, costs=known.maintained(done.keys, time.process_time() - began))

    def _rebuilt(self, name: str, analysis: Analysis, saved: SavedModel | None, cause: str, reason: str) -> Done:
        moved, rows = making.rebuild(self._file, self._scratch, name, analysis)
        grown = rows - saved.rows if saved else 0
        return Done("whole", cause, reason, moved, moved.count if moved else 0, grown)

    def _is_read(self, one: Standing) -> bool:
        """Whether another model follows from what changes of it."""
        return any(place.full(one.name) in other.inputs for other in self._current())

    def _remove(self) -> None:
        """Take models out of the file that are not current, or no models any more."""
        known = {one.name: one for one in self.plan.standings}
        gone = [name for name in self._models.by_name if name not in known]
        stale = [name for name, one in known.items() if not one.is_current]
        for name in (*gone, *stale):
            making.remove(self._file, place.full(name))
        ledger.forget(self._file, [*gone, *stale])
        self.plan.runs.extend(ModelRun(name, "removed", reason="there is no such model any more") for name in gone)


@dataclass(frozen=True)
class Done:
    """What was done to a model: by which kind of upkeep, why that is a rebuild, what changed, and how many keys.

    `grown` says by how many rows it has more than before, `costs` where something was learned of them.
    """

    action: str
    cause: str = ""
    reason: str = ""
    moved: Moved | None = None
    keys: int = 0
    grown: int = 0
    costs: Costs | None = None


@contextmanager
def failing(name: str) -> Iterator[None]:
    """Raises `ModelFailed` for an error that is a matter of this model alone."""
    try:
        yield
    except errors.NeaptideError as error:
        if not is_its_own(error):
            raise
        raise ModelFailed(name, in_words(error)) from error


def is_its_own(error: errors.NeaptideError) -> bool:
    """Whether an error is a matter of the model that was worked on: of what it says, or of how much it takes."""
    return type(error) in (errors.NeaptideError, errors.OutOfMemory, errors.UnsupportedValue) or _is_internal(error)


def in_words(error: errors.NeaptideError) -> str:
    """Such an error, as it is told of its model."""
    return (
        f"DuckDB can't carry it out: {str(error.__cause__).splitlines()[0]}" if _is_internal(error) else error.message
    )


def _is_internal(error: errors.NeaptideError) -> bool:
    """Whether DuckDB went wrong in planning a SELECT. A damaged file shows by its checksums, and in another error."""
    return isinstance(error.__cause__, duckdb.InternalException) and not isinstance(error, errors.DiskFull)


def _without(one: Standing, lost: Collection[str]) -> Standing:
    table = next((name for name in one.tables if name in lost), None)
    return (
        replace(one, cause="table", reason=f"{table} was taken from the other file")
        if one.is_current and table
        else one
    )
