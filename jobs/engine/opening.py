"""How a session is opened: with which settings, with the file at which path, and what it may reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from app import statements
from jobs.engine.bridge import extension
from jobs.engine.failures import translated
from jobs.engine.session import DuckSession

if TYPE_CHECKING:
    from jobs.job import Job


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
def lent(job: Job, *, strict: bool = False) -> Iterator[DuckSession]:
    """A session without files. Where one is kept between runs, it is given back without files, too.

    One for other people's SQL is `strict`: made for the purpose, and it loads signed extensions only.
    """
    if job.sessions is None or strict:
        with alone(job, strict=strict) as session:
            yield session
    else:
        with job.sessions.engine.lend(lambda: _connect(job)) as session:
            yield session
            session.let_go()


@contextmanager
def alone(job: Job, *, strict: bool = False) -> Iterator[DuckSession]:
    """A session without files, of its own."""
    with closing(_connect(job, strict=strict)) as session:
        yield session


def _connect(job: Job, *, strict: bool = False) -> DuckSession:
    settings, room = job.settings.target, job.room_to_spill()
    options: dict[str, Any] = {
        "memory_limit": settings.memory_limit,
        "temp_directory": str(room or ""),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        # To check the signature of 41 MB takes 0.15 s of each start. The file lies beside this code, from a wheel of
        # the lock file's hash: who can change it can change the code.
        "allow_unsigned_extensions": extension() is not None and not strict,
    }
    if settings.threads:
        options["threads"] = settings.threads
    with translated():
        connection = duckdb.connect(":memory:", config=options)
    session = job.session(connection, room)
    for name in ("in_utc", "compress_without_fsst", "draw_nothing"):
        session.execute(statements.get("engine", name))
    return session
