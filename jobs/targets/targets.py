"""Which target the settings mean."""

from __future__ import annotations

from jobs.beside.lake_names import LakeNames
from jobs.job import Job
from jobs.targets.file.target import FileTarget
from jobs.targets.target import Target


def of(job: Job) -> Target:
    """What runs write to."""
    lake = job.settings.lake
    if lake is None:
        return FileTarget(job)
    from jobs.targets.lake.target import LakeTarget

    files = job.files
    assert isinstance(files, LakeNames)
    return LakeTarget(job, lake, files)
