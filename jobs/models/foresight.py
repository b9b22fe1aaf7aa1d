"""What a run would do to each model, by what it would do to the tables."""

from __future__ import annotations

from collections.abc import Collection

from jobs.engine.session import DuckSession
from jobs.models import place, standing
from jobs.models.folder import Folder
from jobs.models.planning import Planning
from jobs.models.standing import Standing
from jobs.record import models as ledger
from jobs.results import ModelPlan


def plans(file: DuckSession, folder: Folder, moved: Collection[str], replaced: Collection[str]) -> list[ModelPlan]:
    """For tables that would be brought over changes, and for those that would be copied anew, as the file is now."""
    models = ledger.read(file)
    standings = standing.judge(Planning(file, folder), models, {})
    known = {one.name for one in standings}
    removed = [
        ModelPlan(name, "remove", "there is no such model any more") for name in models.by_name if name not in known
    ]
    touched, plans = {*moved}, list[ModelPlan]()
    for one in standings:
        plan = _plan(one, touched, replaced)
        plans.append(plan)
        if plan.action != "none":
            touched.add(place.full(one.name))
    return [*plans, *removed]


def _plan(one: Standing, touched: Collection[str], replaced: Collection[str]) -> ModelPlan:
    if one.error is not None:
        return ModelPlan(one.name, "failed", error=one.error)
    if one.reason:
        return ModelPlan(one.name, "build", one.reason)
    anew = sorted(set(one.tables) & set(replaced))
    if anew:
        return ModelPlan(one.name, "build", f"{anew[0]} would be copied anew")
    by = sorted(set(one.inputs) & set(touched))
    if not by or one.saved is None:
        return ModelPlan(one.name, "none")
    return ModelPlan(one.name, one.saved.kind, f"{', '.join(by)} changed")
