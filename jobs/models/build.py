"""Builds models anew, each in a transaction of its own: one that fails costs itself and those that read it.

Where readers would see such a transaction, all is done within the run's own, which one that fails undoes: the run is
told so, and does it again without that one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import duckdb

from app import errors
from jobs import faults
from jobs.engine.session import DuckSession
from jobs.models import costs, making, place
from jobs.models.standing import Standing
from jobs.models.upkeep import Plan, in_words, is_its_own
from jobs.record import models as ledger
from jobs.record.models import SavedModel
from jobs.results import ModelRun


class NotBuilt(Exception):
    """A model can't be built, and the transaction in which that was tried is over."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.name, self.reason = name, reason


class Builder:
    """Makes what a run's transaction left out of the file. Call it when that is committed, if nobody sees it yet.

    `tried` says why models can't be built that are not to be tried again.
    """

    def __init__(self, file: DuckSession, plan: Plan, tried: Mapping[str, str] | None = None) -> None:
        self._file, self._plan, self._tried = file, plan, tried or {}
        self._failed: dict[str, str] = {}
        self.runs: list[ModelRun] = []

    def run(self) -> list[ModelRun]:
        """What was done to each model that was not current."""
        for one in self._plan.standings:
            if not one.is_current:
                self._make(one)
        return self.runs

    def _make(self, one: Standing) -> None:
        error = one.error or self._tried.get(one.name) or self._still(one) or self._above(one)
        if error is None:
            error = self._built(one)
        if error is not None:
            self._fail(one, error)

    def _still(self, one: Standing) -> str | None:
        """Why it failed the last time, where nothing has changed since."""
        saved = one.saved
        same = saved is not None and saved.error is not None and saved.signature == one.signature
        return saved.error if same and saved and not self._plan.touched & set(one.tables) else None

    def _above(self, one: Standing) -> str | None:
        missing = [name for name in one.inputs if name in self._failed]
        return f"{missing[0]}, which it reads, is not there: {self._failed[missing[0]]}" if missing else None

    def _built(self, one: Standing) -> str | None:
        """Build it; returns why it can't be."""
        try:
            with self._file.all_threads(), self._file.transaction():
                self._build(one)
        except errors.NeaptideError as error:
            if not is_its_own(error):
                raise
            reason = self._reason(one, error)
            if not self._file.private:
                raise NotBuilt(one.name, reason) from error
            return reason
        faults.point("model_built")
        return None

    def _reason(self, one: Standing, error: errors.NeaptideError) -> str:
        """Why its SELECT failed over these rows, with its file and, for a value that doesn't fit, the way out."""
        model = self._plan.planning.folder.models[one.name]
        is_of_a_value = isinstance(error.__cause__, duckdb.ConversionException | duckdb.OutOfRangeException)
        advice = " (TRY_CAST or NULLIF makes NULL of such a value; or cast it to a wider type)" if is_of_a_value else ""
        return f"{model.at(0)}: {in_words(error)}{advice}"

    def _build(self, one: Standing) -> None:
        began, used, run_id = time.monotonic(), time.process_time(), self._plan.run_id
        analysis = self._plan.planning.analysis(one.name)
        rows = making.build(self._file, place.full(one.name), analysis)
        seconds, used = time.monotonic() - began, time.process_time() - used
        run = ModelRun(one.name, "built", analysis.kind, rows, rows, seconds, one.reason, one.cause)
        saved = SavedModel(
            one.name, run.kind, analysis.reason, one.inputs, one.tables, one.signature,
            run_id, run.action, rows, rows, seconds, run_id, seconds, one.reason,
            costs=costs.as_dict(costs.first(rows, used)),
        )  # fmt: skip
        ledger.write(self._file, [saved])
        self.runs.append(run)

    def _fail(self, one: Standing, error: str) -> None:
        self._failed[place.full(one.name)] = error
        saved = SavedModel(
            one.name, inputs=one.inputs, tables=one.tables, signature=one.signature,
            run_id=self._plan.run_id, action="failed", reason=one.reason, error=error,
        )  # fmt: skip
        with self._file.transaction():
            ledger.write(self._file, [saved])
        self.runs.append(ModelRun(one.name, "failed", reason=one.reason, error=error))
