"""A comparison with several sources: with one after the other, each at a snapshot of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from app import errors
from jobs.job import Job
from jobs.plan import sources
from jobs.run.several import OF_ALL, line, untouched
from jobs.targets import targets
from jobs.targets.file import freshness, strangers
from jobs.verify.results import ModelCheck, TableCheck, Verification
from jobs.verify.scope import Scope


def each(job: Job, scope: Scope, verify: Callable[[Job, Scope], Verification]) -> Verification:
    """Call `verify` for each source that the scope means, and put together what was found.

    The tables of a source that can't be read are told with its error. Raises what is wrong with the target.
    """
    if not job.parts:
        return verify(job, scope)
    verifications: list[Verification] = []
    before = _as_altered(job, scope, verify)
    away: list[TableCheck] = []
    failures: list[errors.NeaptideError] = []
    for part, tables in sources.meant(job, scope.tables):
        try:
            verifications.append(_named(part, verify(part, replace(scope, tables=tables, models=[]))))
        except OF_ALL:
            raise
        except errors.NeaptideError as error:
            failures.append(part.named(error))
            state = targets.of(part).peek()
            away += [TableCheck(name, 0, 0, error=line(failures[-1])) for name in tables or untouched(part, state)]
    if not verifications:
        raise failures[0]
    as_of = freshness.as_of(job.files) if away else None
    return _together([_with(one, before) for one in verifications], away, scope, as_of)


def _as_altered(job: Job, scope: Scope, verify: Callable[[Job, Scope], Verification]) -> dict[str, TableCheck]:
    """What differs in a file that another program wrote to, of all sources, before one after the other is mended.

    With the first, a new file takes its place, in which the tables of the others are copied anew.
    """
    path = job.files.published
    if not scope.repair or path is None or not strangers.is_altered(job, path):
        return {}
    return {one.table: one for one in each(job, replace(scope, repair=False), verify).tables if not one.error}


def _with(later: Verification, before: Mapping[str, TableCheck]) -> Verification:
    """The same where what differed is told of a table that is equal by now."""
    tables = (before.get(one.table, one) if one.equal else one for one in later.tables)
    return replace(later, tables=tuple(_mended(one) for one in tables))


def _mended(one: TableCheck) -> TableCheck:
    return one if one.equal or one.repaired else replace(one, repaired=one.missing + one.extra + one.different)


def _named(part: Job, one: Verification) -> Verification:
    warnings = (f"{part.called}: {warning}" for warning in one.warnings)
    return replace(one, warnings=tuple(warnings), snapshot=f"{part.part or 'source'} {one.snapshot}")


def _together(parts: list[Verification], away: list[TableCheck], scope: Scope, as_of: datetime | None) -> Verification:
    oldest = [] if as_of is None else [as_of]
    return Verification(
        min([one.as_of for one in parts] + oldest),
        "; ".join(one.snapshot for one in parts),
        (*(table for one in parts for table in one.tables), *away),
        scope.repair,
        scope.sample is not None,
        tuple(warning for one in parts for warning in one.warnings),
        tuple(_models(parts)),
    )


def _models(verifications: Iterable[Verification]) -> list[ModelCheck]:
    """Each model as it was found last: one that differed before a source was compared may have followed it since."""
    return list({model.model: model for one in verifications for model in one.models}.values())
