"""How each of several sources stands in the reporting file."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.job import Job
from jobs.results import SourceStatus, TableStatus
from jobs.status import loghold
from jobs.targets.file import freshness


def statuses(job: Job, tables: Sequence[TableStatus]) -> tuple[SourceStatus, ...]:
    """Each source of the config with its tables in the file; none where there is only one."""
    away = freshness.read(job.files).get("away") or {}
    return tuple(_status(part, tables, away.get(part.part)) for part in job.parts)


def _status(part: Job, tables: Sequence[TableStatus], error: str | None) -> SourceStatus:
    mine = [table for table in tables if table.source == part.part]
    as_of = min((table.as_of for table in mine if table.as_of is not None), default=None)
    lag = None if as_of is None else (freshness.now(part.files, part.part) - as_of).total_seconds()
    return SourceStatus(part.part, len(mine), as_of, lag, error, loghold.read(part.files))


def complaints(job: Job, tables: Sequence[TableStatus]) -> list[str]:
    """The sources that the last run could not read."""
    return [f"the tables of {one.error}" for one in statuses(job, tables) if one.error]
