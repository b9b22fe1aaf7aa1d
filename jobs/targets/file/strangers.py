"""What other programs do to the published file: it is for reading, but DuckDB lets whoever may write open it for that.

Who has it open for writing locks every reader out. Who is killed then leaves a log beside it, which DuckDB replays for
everybody who opens the file. Who closes it has altered it, which its name gives away (`app.versions`). Nothing of it is
taken for ours: `keep_off` undoes the first two, and for the third the file is built anew.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path

from app import errors, statements, versions
from jobs import disk, quoting
from jobs.engine import rows
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record import state
from jobs.tables.table import Table
from jobs.targets.file import draft, in_use
from jobs.targets.file.publish import Publisher

_SYNC = "run `neaptide sync`: it sets the file aside and builds a new one"


def keep_off(job: Job) -> list[str]:
    """Remove the logs of others, and publish the file under a new name where somebody has it open for writing.

    Returns what was done, for the run's record. Call with the lock held.
    """
    warnings = [_without(log) for log in job.files.logs()]
    published = job.files.published
    if published is not None and in_use.has_writer(published):
        warnings += _published_again(job, published)
    return warnings


def _without(log: Path) -> str:
    with disk.translated():
        log.unlink(missing_ok=True)
    return (
        f"{log} was removed: a program that had the reporting file open for writing left it, and DuckDB showed its "
        "changes to whoever opened the file since"
    )


def _published_again(job: Job, published: Path) -> list[str]:
    """Nobody can open a file that is being written to, so a copy takes its place, unless it is altered already."""
    try:
        check(job, published)
        draft.copy_published(job.files)
    except Damaged:
        return []
    if versions.seal(job.files.work) != versions.seal(published):
        draft.drop(job.files)
        return []
    Publisher(job.files).publish()
    return [f"{published} was published again: another program has it open for writing, which locked readers out"]


def check_logs(job: Job) -> None:
    """Raise `errors.TargetUnusable` where readers see what another program left beside the published file."""
    for log in job.files.logs():
        raise errors.TargetUnusable(
            f"{log} lies there: a program has the reporting file open for writing, or was killed while it had, and "
            "DuckDB shows its changes to whoever opens the file",
            hint="close that program; the next `neaptide sync` removes it",
        )


def check(job: Job, path: Path) -> None:
    """Raise `Damaged` for a published file that another program wrote to."""
    if is_altered(job, path):
        raise Damaged(f"the reporting file is damaged: {told_of(path)}", hint=_SYNC)


def is_altered(job: Job, path: Path) -> bool:
    """Whether another program wrote to a published file."""
    with disk.translated():
        return versions.is_altered(job.files.link, path)


def told_of(path: Path) -> str:
    """What is said of such a file."""
    return f"another program wrote to {path} after it was published"


def salvage(file: DuckSession, published: Path, tables: Sequence[Table], others: Container[str] | None) -> list[str]:
    """Copy rows out of an altered file into a new one, and nothing else that may be in it, but how old they are.

    Of `tables`, which are to be compared, one stays empty that is none there any more or has other columns. The
    `others`, all where it is None, stay for readers until they are copied anew; returns their names.
    """
    file.execute(f"ATTACH {quoting.literal(str(published))} AS published (READ_ONLY)")
    state.create_schema(file)
    there = {(row["schema"], row["name"]) for row in file.block("list_published_tables")}
    if ("neaptide", "models") in there:
        # Read models follow from the tables: they are built anew, and what another program made of them is not kept.
        there = {(schema, name) for schema, name in there if schema != "models"}
    for table in tables:
        rows.create_table(file, table)
        if table.target in there:
            names = quoting.listed([plan.name for plan in table.columns])
            with suppress(errors.NeaptideError):
                file.execute(f"INSERT INTO {rows.out(table)} SELECT {names} FROM published.{table.file_quoted}")
    left = [quoting.join_name(*target) for target in there - {table.target for table in tables}]
    left = sorted(name for name in left if others is None or name in others)
    taken = [name for name in left if ("neaptide", "watermarks") in there and _take_over(file, published, name)]
    file.execute(statements.get("engine", "detach_published"))
    # What isn't in the file yet is held in memory.
    file.execute(statements.get("engine", "checkpoint"))
    return taken


def _take_over(file: DuckSession, published: Path, name: str) -> bool:
    """Whether a table could be copied as it stands; it is marked as one that is not ours."""
    with suppress(errors.NeaptideError):
        if quoting.split_name(name)[0] == "neaptide":
            return False
        with file.transaction():
            state.take_over(file, published, [name])
        state.disown(file, [name])
        return True
    return False
