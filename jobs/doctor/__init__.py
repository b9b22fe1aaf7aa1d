"""Everything around a sync that may stand in its way, looked at once: `neaptide doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from jobs.doctor import check, machine, server
from jobs.doctor.check import Check
from jobs.job import Job


def examined(job: Job, config: Path) -> Iterator[Check]:
    """What is found on this machine and on the server. `config` is the file that the settings are from."""
    yield from machine.checks(job, config)
    for part in job.each:
        for one in check.guarded("server", partial(server.found, part)):
            yield replace(one, message=f"{part.called}: {one.message}") if job.parts else one
