"""Compares each read model with its SELECT over the tables of the same file, and builds those anew that differ."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace

from app import errors
from jobs.engine.session import DuckSession
from jobs.models import making, place, standing, upkeep
from jobs.models.build import Builder
from jobs.models.folder import Folder
from jobs.models.planning import Planning
from jobs.models.scratch import difference
from jobs.models.upkeep import Plan
from jobs.record import models as ledger
from jobs.record.state import State
from jobs.results import ModelRun
from jobs.verify.results import ModelCheck


def any_in(folder: Folder, state: State) -> bool:
    """Whether there are models to look at, by their files or in a file in this state."""
    return bool(folder.models or folder.bad or state.models.by_name)


def compare(file: DuckSession, folder: Folder, tables: Collection[str] = ()) -> list[ModelCheck]:
    """Compare all models, or those that follow from one of these tables."""
    saved, planning = ledger.read(file), Planning(file, folder)
    wanted = [name for name in standing.signatures(folder) if not tables or _follows(saved, name, tables)]
    return [_compared(file, name, planning, saved) for name in sorted(wanted)]


def mend(
    file: DuckSession, folder: Folder, run_id: str, tables: Collection[str] = (), tried: Mapping[str, str] | None = None
) -> list[ModelCheck]:
    """The same in a file whose tables were mended; what differs is built anew, each in a transaction of its own.

    `tried` says why models can't be built that are not to be tried again.
    """
    ledger.create(file)
    checks = compare(file, folder, tables)
    with file.transaction():
        wrong = [check.model for check in checks if not check.equal]
        for name in wrong:
            making.remove(file, place.full(name))
        ledger.forget(file, wrong)
        ledger.catch_up(file)
    planning = Planning(file, folder)
    plan = Plan(run_id, planning, standing.judge(planning, ledger.read(file), {}))
    built = {run.model: run for run in Builder(file, plan, tried).run()}
    return [_mended(check, built[check.model]) if check.model in built else check for check in checks]


def _mended(check: ModelCheck, built: ModelRun) -> ModelCheck:
    """What became of a model: one that was not there had none of its rows, and is no error any more."""
    missing = built.rows if check.error else check.missing
    return replace(check, repaired=not built.error, missing=missing, error=built.error)


def _follows(models: ledger.Models, name: str, tables: Collection[str]) -> bool:
    saved = models.by_name.get(name)
    return saved is None or bool(set(tables) & set(saved.tables))


def _compared(file: DuckSession, name: str, planning: Planning, models: ledger.Models) -> ModelCheck:
    began, saved = time.monotonic(), models.by_name.get(name)
    if saved is None or saved.error:
        error = saved.error if saved else "it is not in the file yet: run `neaptide sync`"
        return ModelCheck(name, error=error)
    try:
        return replace(_counted(file, name, planning), seconds=time.monotonic() - began)
    except errors.NeaptideError as error:
        if not upkeep.is_its_own(error):
            raise
        return ModelCheck(name, error=upkeep.in_words(error))


def _counted(file: DuckSession, name: str, planning: Planning) -> ModelCheck:
    columns, text, there = making.stored(place.full(name), planning.analysis(name))
    sides = (f"({text})", there), (there, f"({text})")
    missing, extra = (file.one(f"SELECT count(*) FROM ({difference(columns, *side)})") for side in sides)
    return ModelCheck(name, file.one(f"SELECT count(*) FROM {there}"), missing, extra)
