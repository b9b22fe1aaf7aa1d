"""What grows beside or in the reporting file, how much of it there is, and where that ends; and what is installed."""

from __future__ import annotations

import platform
from contextlib import suppress

import duckdb

from app import __version__, statements
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.results import Kept
from jobs.targets.file import notes


def of(job: Job, file: DuckSession) -> tuple[Kept, ...]:
    """The record of runs, the keys of deleted rows as of the last hour's look, and a file that was set aside."""
    sync = job.settings.sync
    runs = file.rows(statements.get("status", "runs_kept"))[0]["runs"]
    found = [Kept("runs", runs, None, f"{sync.keep_runs:,} by [sync] keep_runs")]
    left = job.files.read("kept", notes.Kept).get("tombstones")
    if left:
        limit = f"{sync.tombstone_retention} by [sync] tombstone_retention"
        found.append(Kept("deleted keys", left["rows"], left["bytes"], limit))
    with suppress(OSError):
        found.append(Kept("damaged file", 1, job.files.aside.stat().st_size, "the last one; it may be removed"))
    return tuple(found)


def versions() -> dict[str, str]:
    """What is installed."""
    return {"neaptide": __version__, "duckdb": duckdb.__version__, "python": platform.python_version()}
