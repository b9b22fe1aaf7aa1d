"""What is done once in a while after a run that has published; its failure is no failure of the run."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import psycopg

from app import errors
from jobs.beside import notes, smallfile
from jobs.job import Job
from jobs.tracking import purge

EVERY = timedelta(hours=1)


def purge_sometimes(job: Job, *, every: timedelta = EVERY) -> int:
    """`purge.purge`, if the last look from beside this target was longer ago than `every`; the number deleted.

    It is housekeeping: what goes wrong is left for the next time, the run that calls it is done already.
    """
    of = f".{job.part}" if job.part else ""
    looked = job.files.link.with_name(f".{job.files.link.name}.purged{of}")
    if not _due(looked, every):
        return 0
    try:
        smallfile.touch(looked)
        done = purge.purge(job)
        if done.remaining is not None:
            events = {"events": done.events} if done.events else {}
            job.files.note(notes.kept(job.part), {"tombstones": done.remaining} | events)
        return done.gone
    except (psycopg.Error, OSError, errors.NeaptideError):
        return 0


def _due(looked: Path, every: timedelta) -> bool:
    """By the wall clock, which may have been set back since: a look that lies ahead says nothing."""
    try:
        return not 0 <= time.time() - looked.lstat().st_mtime <= every.total_seconds()
    except OSError:
        return True
