"""One query at work: it ends in time, and Ctrl-C ends it at once, whatever DuckDB is busy with.

DuckDB looks for an interrupt between the pieces of its work, and some of its work is one piece: a function over one
huge value, the planning of a query. So a query runs in a thread of its own, and whoever waits for it stops waiting when
its time is over, or once the process has grown by more than such a query may need: DuckDB counts neither the single
values that it makes nor the rows that it hands out. Where DuckDB doesn't heed, the thread goes on by itself: its
connection can't even be closed, and the process has to end without asking it (`stuck`).
"""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app import errors

if TYPE_CHECKING:
    import duckdb

Answer = TypeVar("Answer")
# How long DuckDB has to heed an interrupt: Ctrl-C ends a command within a second, all told.
_GRACE = 0.5
_AGAIN = 0.02
# How often the process's memory is looked at, in seconds: a thread fills some 100 MB meanwhile.
_LOOK = 0.05
# What a session takes that computes nothing large, in bytes.
_AT_REST = 2**28
_SIZE = re.compile(r"([\d.]+)\s*([KMGT])(i?)B")
_stuck = threading.Event()


class Spill:
    """A folder for what a query can't hold in memory: of this user alone, and gone with the store that it is for."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="neaptide-")

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True)
class Limits:
    """What one query may use; sizes as DuckDB writes them. What doesn't fit into memory goes to the disk first.

    `writes` is the only file that a result may be written to (`Store.write_parquet`); None for none.
    """

    memory_limit: str = "2GB"
    temp_limit: str = "20GB"
    timeout: timedelta = timedelta(minutes=10)
    max_rows: int = 1_000_000
    writes: Path | None = None

    @property
    def growth(self) -> int:
        """Bytes by which the process may grow: by what DuckDB counts, and as much again for what it doesn't."""
        return 2 * _bytes(self.memory_limit) + _AT_REST

    def settings(self, spill: Spill | None = None) -> list[str]:
        """The statements that set them in a session; without a folder it keeps the one that it has.

        Given to a connection as it is made, the room on the disk is shown as a setting, and not kept to (DuckDB 1.5.5).
        """
        folder = {"temp_directory": spill.path} if spill else {}
        values = {"memory_limit": self.memory_limit, **folder, "max_temp_directory_size": self.temp_limit}
        written = [f"SET allowed_paths = [{_literal(str(self.writes))}]"] if self.writes else []
        return [*(f"SET {name} = {_literal(value)}" for name, value in values.items()), *written]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _bytes(size: str) -> int:
    match = _SIZE.fullmatch(size)
    if match is None:
        raise errors.ConfigError(f"{size} is no size: write it like 2GB or 500MiB")
    return int(float(match[1]) * math.pow(1024 if match[3] else 1000, "KMGT".index(match[2]) + 1))


def _held() -> int:
    """Bytes of memory that the process has; 0 where the system doesn't say."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def stuck() -> bool:
    """Whether a query of this process goes on although nobody waits for it: then Python can't end the process."""
    return _stuck.is_set()


class Worker:
    """Runs what is asked of one connection. `lost`: DuckDB did not heed, so the connection must be left alone."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.lost = False

    def run(self, work: Callable[[], Answer], limits: Limits) -> Answer:
        """What `work` gives or raises. Raises `errors.QueryTooBig` when its time is over or its memory used up."""
        future: futures.Future[Answer] = futures.Future()
        begin(future, work)
        try:
            _await(future, limits)
        except BaseException:
            self._stop(future)
            raise
        return future.result()

    def _stop(self, future: futures.Future[Answer]) -> None:
        """Interrupt, again and again: one that comes before a statement has begun is lost."""
        end = time.monotonic() + _GRACE
        while not future.done() and time.monotonic() < end:
            self._connection.interrupt()
            futures.wait((future,), _AGAIN)
        if not future.done():
            self.lost = True
            _stuck.set()


def begin(future: futures.Future[Answer], work: Callable[[], Answer]) -> None:
    """Let a thread of its own do the work, whose outcome the future gets."""
    threading.Thread(target=_fulfil, args=(future, work), name="neaptide query", daemon=True).start()


def _await(future: futures.Future[Answer], limits: Limits) -> None:
    seconds, most = limits.timeout.total_seconds(), _held() + limits.growth
    end = time.monotonic() + seconds
    while not futures.wait((future,), max(0, min(_LOOK, end - time.monotonic()))).done:
        if _held() > most:
            raise errors.QueryTooBig(
                f"the query needs more memory than {limits.memory_limit}, and as much again for single values and its"
                " result",
                hint="ask for less, or raise [query] memory_limit",
            )
        if time.monotonic() >= end:
            raise errors.QueryTooBig(
                f"the query took longer than {seconds:g} s", hint="ask for less, or raise [query] timeout"
            )


def _fulfil(future: futures.Future[Answer], work: Callable[[], Answer]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  it is raised where the answer is waited for
        future.set_exception(error)
