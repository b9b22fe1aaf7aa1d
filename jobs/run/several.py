"""A run of several sources is one run after another: each has a snapshot of its own, and publishes what it brought.

Readers see the tables of one source at one moment, and the file is as of the oldest. A source that can't be read leaves
its tables as they are, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from app import errors
from jobs.engine.failures import Damaged
from jobs.job import Job
from jobs.plan import sources
from jobs.position.watermark import Watermark
from jobs.record.state import State
from jobs.results import ModelRun, Run, SourceRun, TableRun
from jobs.run.context import Options
from jobs.run.pending import Pending, Unfit
from jobs.sessions import OpenSessions
from jobs.targets import targets
from jobs.targets.file import freshness

OfOne = Callable[[Job, Options, Pending | None], Run]
# What is wrong for all sources at once: with the target, with the call, or with the code.
OF_ALL = (
    errors.LockHeld, errors.TargetUnusable, errors.CatalogUnavailable, errors.UsageError, errors.NoReportingFile,
    errors.Bug,
)  # fmt: skip
# Seconds until a process that runs often asks a source again that was away: doubled each time, up to the last.
_FIRST, _LONGEST = 1.0, 60.0


@dataclass
class _Done:
    runs: dict[str, Run] = field(default_factory=dict)
    failures: dict[str, errors.NeaptideError] = field(default_factory=dict)


def each(job: Job, options: Options, run: OfOne) -> Run:
    """Call `run` for each source that the options mean, and put together what came of it.

    A file is copied, written and published once, whatever the number of sources that changed. Raises what is wrong with
    the target, and the first source's error where none could be read.
    """
    began = datetime.now(UTC)
    if job.settings.lake is not None:
        done = _one_after_the_other(job, options, run, None)
    else:
        done = _published_at_once(job, options, run)
    _tell_away(job, done)
    if not done.runs:
        raise next(iter(done.failures.values()))
    return _together(job, done, began)


def _published_at_once(job: Job, options: Options, run: OfOne) -> _Done:
    """One file for all of them; where it can't be gone on with, each publishes what it brings by itself."""
    pending = Pending(job)
    try:
        with pending.held:
            done = _one_after_the_other(job, options, run, pending)
            pending.publish()
            done.runs |= pending.runs
            return done
    except Unfit:
        targets.of(job).drop()
        return _one_after_the_other(job, options, run, None)


def _one_after_the_other(job: Job, options: Options, run: OfOne, pending: Pending | None) -> _Done:
    done = _Done()
    away = (freshness.read(job.files).get("away") or {}) if pending is not None else {}
    for part, tables in sources.meant(job, options.tables):
        try:
            if pending is not None and part.part in away:
                # It may take its time to find out that it still is so.
                pending.publish()
            sessions = part.sessions if job.sessions is not None and job.sessions.backs_off else None
            done.runs[part.part] = _patient(partial(run, part, replace(options, tables=tables), pending), sessions)
        except OF_ALL:
            if pending is not None:
                with suppress(errors.NeaptideError, Unfit):
                    pending.publish()
            raise
        except errors.NeaptideError as error:
            if job.sessions is not None and job.sessions.is_cut:
                raise
            done.failures[part.part] = part.named(error)
    return done


def _tell_away(job: Job, done: _Done) -> None:
    """Of a source that this run left alone holds what the last one said."""
    before = freshness.read(job.files).get("away") or {}
    still = {name: sentence for name, sentence in before.items() if name in job.names and name not in done.runs}
    with suppress(errors.TargetUnusable):
        freshness.tell_away(job.files, still | {name: line(error) for name, error in done.failures.items()})


def check_others(state: State, published: State) -> None:
    """Raise `Damaged` where a spare holds the tables of other sources as they were earlier: they'd be published so."""
    if published.lineage and _watermarks(state) != _watermarks(published):
        raise Damaged("the spare file lies behind in the tables of other sources")


def _watermarks(state: State) -> dict[str, tuple[Watermark, object]]:
    return {name: (saved.watermark, saved.signature) for name, saved in state.others.items()}


def _patient(run: Callable[[], Run], sessions: OpenSessions | None) -> Run:
    """The run; a source that was away a moment ago is not waited for again where there is a next run soon."""
    if sessions is None:
        return run()
    if sessions.away is not None and time.monotonic() < sessions.away[0]:
        error: errors.NeaptideError = sessions.away[2]
        raise error
    try:
        done = run()
    except (errors.SourceUnavailable, errors.SourceTimeout) as error:
        pause = min(_LONGEST, sessions.away[1] * 2) if sessions.away else _FIRST
        sessions.away = (time.monotonic() + pause, pause, error)
        raise
    sessions.away = None
    return done


def _together(job: Job, done: _Done, began: datetime) -> Run:
    runs = list(done.runs.values())
    state = {part.part: targets.of(part).peek() for part in job.parts if part.part in done.failures}
    moments = [run.as_of for run in runs]
    moments += [moment for name in done.failures for moment in _moments(job, name, state[name])]
    failed = [one for name, error in done.failures.items() for one in _failed_tables(job, name, state[name], error)]
    return Run(
        max(run.run_id for run in runs),
        runs[0].kind,
        began,
        datetime.now(UTC),
        min(moments),
        "; ".join(f"{name or 'source'} {run.snapshot}" for name, run in done.runs.items()),
        any(run.changed for run in runs),
        (*(table for run in runs for table in run.tables), *failed),
        _summed(runs),
        tuple(dict.fromkeys(_warnings(done.runs))),
        _models(runs),
        tuple(_each_told(job, done)),
    )


def _moments(job: Job, name: str, state: State) -> list[datetime]:
    """As of when the tables of a source are that could not be read; none where the file has none."""
    said = freshness.of(job.files, name).get("as_of")
    if said and state.tables:
        return [datetime.fromisoformat(said)]
    return [saved.watermark.snapshot.as_of for saved in state.tables.values()]


def _failed_tables(job: Job, name: str, state: State, error: errors.NeaptideError) -> Iterable[TableRun]:
    """The tables of a source that could not be read: those that the file has, and those that it was to have."""
    part = next(one for one in job.parts if one.part == name)
    return (TableRun(table, "failed", error=line(error)) for table in untouched(part, state))


def untouched(part: Job, state: State) -> list[str]:
    """What is left as it is where a source can't be read: what the file has of it, and what it was to have."""
    specs = part.settings.tables
    named = {spec.rename or spec.name for spec in specs if state.tables.keys() or not spec.is_pattern}
    return sorted({*state.tables, *(name for name in named if "*" not in name)} or {spec.name for spec in specs})


def line(error: errors.NeaptideError) -> str:
    """An error and its advice in one line."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _summed(runs: Collection[Run]) -> dict[str, float]:
    phases: dict[str, float] = {}
    for run in runs:
        for name, seconds in run.phases.items():
            phases[name] = phases.get(name, 0.0) + seconds
    return phases


def _warnings(runs: dict[str, Run]) -> Iterable[str]:
    for name, run in runs.items():
        yield from (f"source {name}: {line}" if name else line for line in run.warnings)


def _models(runs: Iterable[Run]) -> tuple[ModelRun, ...]:
    """What was done to each model; what it is at the end is what the last run says that did anything to it."""
    last: dict[str, ModelRun] = {}
    for run in runs:
        still = {model.model for model in run.models}
        last = {name: model for name, model in last.items() if not model.error or name in still}
        last |= {model.model: model for model in run.models}
    return tuple(last.values())


def _each_told(job: Job, done: _Done) -> Iterable[SourceRun]:
    for part in job.parts:
        if part.part in done.runs:
            run = done.runs[part.part]
            yield SourceRun(part.part, run.run_id, run.as_of, run.snapshot, run.changed)
        elif part.part in done.failures:
            yield SourceRun(part.part, error=done.failures[part.part].message)
