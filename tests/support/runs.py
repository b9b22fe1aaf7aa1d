"""Runs in processes of their own, forked from one that has imported everything: they can be killed, and start fast."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from multiprocessing import get_context
from typing import Any

from jobs import faults
from jobs.job import Job
from jobs.run import sync
from jobs.tables.ranges import Range

SPAWN = get_context("forkserver")
SPAWN.set_forkserver_preload(["jobs.run.sync", "jobs.run.dual", "jobs.verify.verify", "app.reporting.opening"])


def quietly(
    job: Job,
    *,
    full: bool = False,
    force_deletes: bool = False,
    fault: str = "",
    ranges: Mapping[str, Range] | None = None,
) -> None:
    """One run in this process, which dies at the point `fault`."""
    # What NEAPTIDE_FAULT does where it is set before the start.
    faults._WANTED = fault
    sync.sync_once(job, full=full, force_deletes=force_deletes, ranges=ranges)


def ended(job: Job, **given: Any) -> int:
    """The exit code of one run in a process of its own; it takes what `quietly` does."""
    process = SPAWN.Process(target=quietly, args=(job,), kwargs=given)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def killed_at(job: Job, point: str, **given: Any) -> None:
    """A run that kills itself at the point; fails where it does not come by."""
    code = ended(job, fault=point, **given)
    assert code == -signal.SIGKILL, f"{point} was not reached: {code}"
