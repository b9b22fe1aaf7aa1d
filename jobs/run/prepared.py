"""Prepared transactions of dual writes: their names, and what becomes of one that a killed process left.

The published file decides. A transaction is prepared under the id of the run that takes its rows into the file, so one
whose run stands in the published file is committed, and any other of this target is rolled back: its rows are nowhere
but in a work file, which goes first.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import closing
from pathlib import Path

from app import errors, notes, statements
from jobs import disk, quoting
from jobs.engine.failures import Damaged
from jobs.job import Job
from jobs.source.connection import Source
from jobs.source.failures import translated
from jobs.targets import targets
from jobs.targets.file import draft, freshness

_ID = 16


def gid(job: Job, run_id: str) -> str:
    """The name of the transaction whose rows come with this run; the target is made known to this one alone."""
    return f"{_prefix(job)}{run_id}"


@disk.translated()
def announce(job: Job) -> None:
    """Have it on the disk that a transaction may be prepared, before one is."""
    _write(_pending(job), "")


def clear(job: Job) -> None:
    """Nothing is prepared any more."""
    _pending(job).unlink(missing_ok=True)


def is_pending(job: Job) -> bool:
    """Whether a transaction may be prepared: one is written now, or was cut short."""
    return os.path.lexists(_pending(job))


def recover(job: Job) -> None:
    """End what a killed process left prepared; call it with the lock held, before anything else is done.

    Where nobody writes to both sides it looks for one small file. Raises `errors.TargetUnusable` where the file that
    decides can't be read.
    """
    if not is_pending(job) and not (job.settings.sync.dual and notes.read(_known(job))):
        return
    prefix = _prefix(job)
    with translated(), closing(Source.of_owner(job).open("neaptide dual")) as conn:
        gids = [row["gid"] for row in conn.execute(statements.get("dual", "pending"), {"prefix": prefix})]
        written = _written(job, [one.removeprefix(prefix) for one in gids]) if gids else frozenset()
        # It may hold rows that are about to be undone.
        draft.drop_unpublished(job.files)
        for one in gids:
            word = "COMMIT" if one.removeprefix(prefix) in written else "ROLLBACK"
            conn.execute(f"{word} PREPARED {quoting.literal(one)}".encode())
    clear(job)


def is_written(job: Job, run_id: str) -> bool:
    """Whether the run stands in the published file."""
    return run_id in _written(job, [run_id])


def _written(job: Job, asked: list[str]) -> frozenset[str]:
    """The dual writes that the published file holds; where it is damaged, what was said of it beside it."""
    try:
        with targets.of(job).inspected() as file:
            return frozenset(row["run_id"] for row in file.rows(statements.get("dual", "written")))
    except (Damaged, errors.TargetUnusable, errors.NoReportingFile) as error:
        last = str(freshness.read(job.files).get("run_id"))
        if asked == [last]:
            return frozenset(asked)
        gids = ", ".join(quoting.literal(gid(job, one)) for one in asked)
        raise errors.TargetUnusable(
            f"a dual write was cut short, and the reporting file that decides about it can't be read: {error.message}",
            hint=f"put the file back; or end {gids} in PostgreSQL with COMMIT PREPARED or ROLLBACK PREPARED",
        ) from error


def _pending(job: Job) -> Path:
    return job.files.beside("dual")


def _known(job: Job) -> Path:
    return job.files.beside("target")


def _prefix(job: Job) -> str:
    """Of this target alone: another one of the same name on another machine has drawn another id."""
    drawn = notes.read(_known(job)).strip()
    if not drawn:
        drawn = secrets.token_hex(_ID)
        with disk.translated():
            _write(_known(job), drawn)
    of = hashlib.blake2b(f"{drawn} {job.files.link}".encode(), digest_size=_ID).hexdigest()
    return f"neaptide {of} "


def _write(path: Path, text: str) -> None:
    """On the disk for certain, the name as well."""
    path.unlink(missing_ok=True)
    handle = notes.open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(handle)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
