"""What grows beside or in the reporting file, how much of it there is, and where that ends; and what is installed."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import duckdb

from app import __version__, statements
from jobs.beside import notes
from jobs.engine.session import DuckSession
from jobs.history import place as places
from jobs.job import Job
from jobs.record import history
from jobs.results import Growth


def of(job: Job, file: DuckSession) -> tuple[Growth, ...]:
    """The record of runs, the keys of deleted rows as of the last hour's look, and a file that was set aside."""
    sync = job.settings.sync
    runs = file.rows(statements.get("status", "runs_kept"))[0]["runs"]
    growths = [Growth("runs", runs, None, f"{sync.keep_runs:,} by [sync] keep_runs")]
    for part in job.each:
        growths.extend(_at_source(part, f" of {part.called}" if job.parts else ""))
    growths.extend(_histories(job, file))
    growths.extend(_of_lake(job, file))
    with suppress(OSError):
        growths.append(Growth("damaged file", 1, job.files.aside.stat().st_size, "the last one; it may be removed"))
    return tuple(growths)


def _at_source(job: Job, of: str) -> Iterator[Growth]:
    sizes = job.files.read(notes.kept(job.part), notes.Kept)
    limit = f"{_span(job.settings.sync.tombstone_retention)} by [sync] tombstone_retention"
    for what, name in (("deleted keys", "tombstones"), ("events", "events")):
        size = sizes.get(name)
        if size:
            relayed = what == "events" and job.settings.events.broker.get_secret_value() != "postgres"
            until = "what the relay has yet to hand on" if relayed else limit
            yield Growth(what + of, size["rows"], size["bytes"], until)


def _histories(job: Job, file: DuckSession) -> Iterator[Growth]:
    retention = job.settings.sync.history_retention
    limit = f"{_span(retention)} by [sync] history_retention" if retention else "none: set [sync] history_retention"
    for table in history.read(file):
        place = places.of(table)
        count = file.one(f"SELECT count(*) FROM {place.versions}")
        versions, ends = (file.bytes_of("neaptide", f"{place.name} {part}") for part in ("versions", "ends"))
        size = None if versions is None or ends is None else versions + ends
        yield Growth(f"versions of {table}", count, size, limit)


def _of_lake(job: Job, file: DuckSession) -> Iterator[Growth]:
    """What a lake has on its disk beside the newest snapshot."""
    if job.settings.lake is None:
        return
    (row,) = file.rows(statements.get("lakefile", "earlier"))
    limit = f"{_span(job.settings.target.retention)} by [target] retention"
    if row["files"]:
        yield Growth("files of earlier snapshots", row["files"], row["bytes"], limit)
    if row["going"]:
        yield Growth("files that no snapshot has", row["going"], None, "a day, at the next neaptide lake tidy")


def _span(span: timedelta) -> str:
    return str(span).removesuffix(", 0:00:00")


def versions() -> dict[str, str]:
    """What is installed."""
    return {"neaptide": __version__, "duckdb": duckdb.__version__, "python": platform.python_version()}
