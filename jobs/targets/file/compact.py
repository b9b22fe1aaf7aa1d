"""Keeps the files small: a file in which little is alive is written anew, between two runs, out of everyone's way.

DuckDB uses freed blocks again and, at some checkpoints, merges row groups of which much was deleted; measured over
thousands of runs a file stays at one to two times the size of a fresh load. (Without these merges, `max_vacuum_tasks =
0`, 200 runs of 40 changed rows make 34 times of it.) What it doesn't do is to give room back after a large delete, or
after a table was copied anew. So once in a while the file that is not published is looked at, and where less than
`ALIVE` of it is alive, a compact copy takes its place as the next run's work file.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from app import errors, statements, versions
from jobs import faults, quoting
from jobs.beside import private
from jobs.engine import opening
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record import state
from jobs.results import Run
from jobs.targets.file import strangers

# A file is rebuilt beyond three times of what it needs.
ALIVE = 1 / 3
# Below this it isn't worth the while.
SMALLEST = 16 * 2**20
# Look after two runs of so many, because each looks at one of the two files.
EVERY = 50
# What is merged is written anew: 0.2 s where 100,000 of 5 M rows were changed. A few row groups more do no harm.
MERGE_EVERY = 8


def merges(run: Run) -> bool:
    """Whether this run's checkpoint merges row groups: two runs of so many, one for each of the two files."""
    return int(run.run_id.partition("-")[0]) % MERGE_EVERY < 2


def sometimes(job: Job, run: Run) -> bool:
    """Look at the file that isn't published, and rebuild it if it is due; whether it was. Call with the lock held.

    That it can't be done, for want of room or because the file is damaged, is no failure of the run: it stays as it
    is.
    """
    if not run.changed or int(run.run_id.partition("-")[0]) % EVERY > 1:
        return False
    with suppress(errors.NeaptideError, OSError):
        return if_needed(job)
    return False


def if_needed(job: Job, *, smallest: int = SMALLEST) -> bool:
    """Rebuild the file that isn't published where too little of it is alive; whether it was."""
    files = job.files
    spare = files.spare
    if spare is None or files.work.exists() or spare.stat().st_size < smallest:
        return False
    strangers.check(job, spare)
    if alive(job, spare) >= ALIVE:
        return False
    rebuild(job, spare)
    return True


def alive(job: Job, path: Path) -> float:
    """The share of the file's blocks that hold rows which are still there."""
    with opening.opened(job, path, read_only=True) as file:
        file.use_threads()
        blocks = file.rows(statements.get("compact", "blocks"))[0]
        tables = file.rows(statements.get("compact", "tables"))
        storages = [_storage(file, row["schema"], row["name"]) for row in tables]
        # What of it is alive in tables that DuckDB can't be asked about nobody knows: it counts as all.
        asked = [one for one in storages if one is not None]
        unknown = 0 if len(asked) == len(storages) else max(0, blocks["used"] - sum(taken for taken, _ in asked))
        used = unknown + sum(taken * share for taken, share in asked)
    return min(1.0, used / blocks["total"]) if blocks["total"] else 1.0


def _storage(file: DuckSession, schema: str, name: str) -> tuple[int, float] | None:
    """How many blocks a table takes, and the share of its stored rows that are still there."""
    table = quoting.as_argument("out", schema, name)
    if table is None:
        return None
    storage = file.rows(statements.get("compact", "storage"), {"name": table})[0]
    rows = file.one(f"SELECT count(*) FROM {table}")
    return storage["blocks"], float(rows / storage["stored"]) if storage["stored"] else 0.0


def rebuild(job: Job, path: Path) -> None:
    """Make a compact copy of the file the work file, from which the next run goes on."""
    private.make(job.files)
    copying = job.files.copy
    copying.unlink(missing_ok=True)
    try:
        with opening.opened(job, path, read_only=True) as file:
            file.use_threads()
            rows = state.read(file).row_group
            file.execute(f"ATTACH {quoting.literal(str(copying))} AS compact (ROW_GROUP_SIZE {rows})")
            file.execute(statements.get("compact", "copy"))
            file.execute(statements.get("compact", "checkpoint"))
            file.execute(statements.get("compact", "detach"))
        faults.point("compacted")
        copying.replace(job.files.work)
    finally:
        for leftover in (copying, *versions.named_logs(copying)):
            leftover.unlink(missing_ok=True)
