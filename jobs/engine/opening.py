"""How a session is opened: with which settings, with the file at which path, and what it may reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from app import statements
from jobs.beside import private
from jobs.engine.bridge import extension
from jobs.engine.failures import translated
from jobs.engine.session import DuckSession
from jobs.job import Job

# What makes a session of its kind out of a connection and of the folder that it may spill to.
Kind = Callable[[duckdb.DuckDBPyConnection, Path | None], DuckSession]


@contextmanager
def opened(job: Job, path: Path, *, read_only: bool = False) -> Iterator[DuckSession]:
    """A session with the file at `path` attached as `out`; `errors.TargetUnusable` where DuckDB can't open it."""
    with lent(job) as session:
        mode = " (READ_ONLY)" if read_only else ""
        session.attach(path, mode)
        yield session


@contextmanager
def inspected(job: Job, path: Path) -> Iterator[DuckSession]:
    """A session of its own that reads the file at `path`, as `out`, and can reach nothing else.

    Raises `Damaged` where the file isn't what was published, or has anything else than tables where its own should be.
    """
    with closing(_connect(job, strict=True)) as session:
        session.attach(path, " (READ_ONLY)")
        session.close_off()
        session.refuse_views()
        yield session


@contextmanager
def lent(job: Job, kind: Kind = DuckSession) -> Iterator[DuckSession]:
    """A session without files, of the kind that the target needs. One that is kept is given back without files, too."""
    if job.sessions is None:
        with alone(job, kind) as session:
            yield session
    else:
        with job.sessions.engine.lend(lambda: _connect(job, kind)) as session:
            yield session
            session.let_go()


@contextmanager
def alone(job: Job, kind: Kind = DuckSession, *, strict: bool = False) -> Iterator[DuckSession]:
    """A session without files, of its own. One for other people's SQL is `strict`: it loads signed extensions only."""
    with closing(_connect(job, kind, strict=strict)) as session:
        yield session


def _connect(job: Job, kind: Kind = DuckSession, *, strict: bool = False) -> DuckSession:
    settings, room = job.settings.target, private.room_to_spill(job.files)
    options: dict[str, Any] = {
        "memory_limit": settings.memory_limit,
        "temp_directory": str(room or ""),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        # Of a new file. In the form before, what a column knows of its distinct values is taken apart and put together
        # again each time that the file is opened or written, which takes most of the time that both take.
        "storage_compatibility_version": "v1.1.0",
        # To check the signature of 41 MB takes 0.15 s of each start. The file lies beside this code, from a wheel of
        # the lock file's hash: who can change it can change the code.
        "allow_unsigned_extensions": extension() is not None and not strict,
    }
    if settings.threads:
        options["threads"] = settings.threads
    with translated():
        connection = duckdb.connect(":memory:", config=options)
    session = kind(connection, room)
    for name in ("in_utc", "compress_without_fsst", "draw_nothing"):
        session.execute(statements.get("engine", name))
    return session
