"""What is to be done to a file, by what it says of itself, by its feeds and by the notes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jobs.plan import steps as plan
from jobs.plan.steps import DELTA, Step
from jobs.position import clock
from jobs.position.watermark import Watermark
from jobs.record.state import State
from jobs.run.context import Context
from jobs.targets.file import checked, freshness


def steps(context: Context, state: State) -> list[Step]:
    """What is to be done to a file in this state."""
    now = context.now
    back = _clock_back(context, state)
    planned = plan.steps(now.tables, state, now.snapshot, full=context.options.full, clock_back=back)
    return context.feed.settled(planned, now, _looked_later(context, state))


def _looked_later(context: Context, state: State) -> Mapping[str, Watermark]:
    """How far runs have looked in vain since, in those tables that this file has as the published one."""
    looked, theirs = _watermarks_beside(context), context.published.tables
    return {
        name: looked[name]
        for name, saved in state.tables.items()
        if name in looked and name in theirs and saved.watermark == theirs[name].watermark
    }


def _watermarks_beside(context: Context) -> Mapping[str, Watermark]:
    pending = context.pending
    run_id = pending.base if pending and pending.is_there else context.published.run_id
    return checked.watermarks(context.job.files, run_id, context.now.snapshot, context.job.part)


def beyond(context: Context, steps: list[Step]) -> list[Step]:
    """These steps for the published file, each since the last run that found nothing to do."""
    marks = _watermarks_beside(context)
    return [
        replace(step, saved=replace(step.saved, watermark=marks[step.table.name]))
        if step.saved and step.action == DELTA and step.table.name in marks
        else step
        for step in steps
    ]


def _clock_back(context: Context, state: State) -> frozenset[str]:
    """The tables read by their stamps since whose last run the source's clock was set back beyond the margin."""
    if context.options.full:
        # Everything is copied anew, perhaps from a server that has never had the clock of the last run.
        return frozenset()
    now, beside = context.now, freshness.of(context.job.files, context.job.part).get("clock", {})
    back = frozenset(
        name
        for name, saved in state.tables.items()
        if saved.by_clock
        and any(clock.stepped_back(reading, now.clocks, now.margin) for reading in (saved.clock, beside))
    )
    if back:
        now.warnings.append("the source's clock was set back by more than the margin: its tables are copied anew")
    return back
