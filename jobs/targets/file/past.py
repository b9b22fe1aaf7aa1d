"""Where histories are taken over from when the published file is damaged: they are more than a copy of the source.

What can still be read of that file is the best. Else it is the file before it, which gets a second name here before its
own goes, and keeps it until a run has published.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from app import errors, versions
from jobs import disk, quoting
from jobs.beside import private
from jobs.beside.names import Names
from jobs.engine import opening
from jobs.job import Job
from jobs.record import history


@disk.translated()
def retain(files: Names, path: Path | None) -> None:
    """Let the file stay, as the one before, whatever becomes of its name; not one that another program wrote to."""
    if path is None or files.past.exists() or not path.exists():
        return
    if path == files.work or not versions.is_altered(files.link, path):
        private.make(files)
        os.link(path, files.past)


def newest_whole(job: Job) -> Path | None:
    """The newest file whose histories can be read from their beginning to their end; None where there is none."""
    published = job.files.published
    if published is not None and versions.is_altered(job.files.link, published):
        published = None
    return next((path for path in (published, job.files.past) if path and path.exists() and _is_whole(job, path)), None)


def warnings(job: Job, path: Path | None) -> list[str]:
    """What there is to say of the histories of a file that is built anew; nothing where none is asked for."""
    if not any(spec.history for spec in job.settings.tables) or (path and path != job.files.past):
        return []
    if path is None:
        return [f"the histories begin anew: what can be read of them is in {job.files.aside}"]
    return ["the histories were taken over from the file before: they lack what the last run had added to them"]


def _is_whole(job: Job, path: Path) -> bool:
    """Whether the file has histories, and each row of them can be read."""
    with suppress(errors.NeaptideError), opening.opened(job, path, read_only=True) as file:
        histories = history.read(file)
        for table in histories:
            name = quoting.split_name(table)[1]
            for part in ("versions", "ends"):
                file.rows(f"SELECT max(hash(h)) FROM out.{quoting.qualified('neaptide', f'{name} {part}')} AS h")
        return bool(histories)
    return False
