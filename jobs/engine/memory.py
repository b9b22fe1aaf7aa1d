"""How much of the machine DuckDB may take at a time: memory, and threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from app import statements
from jobs.engine.connection import Connection
from jobs.source import widths

# DuckDB notes which rows are deleted of each 2,048 of which one is, and holds the notes of all that it looks at.
_NOTE = 26 * 1024
# A smaller file has too few rows for it to matter.
_LARGE = 64 * 2**20


class Memory(Connection):
    """A connection that knows what it may hold by the settings, and by what else a file takes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        # What DuckDB may hold by the settings, and how much more it may hold for now, in bytes.
        self._limit = self._more = 0
        # How large the file was of which the notes were counted last, and what they take.
        self._counted = self._notes = 0
        self._threads: int | None = None
        self._all_threads: int | None = None

    def use_threads(self, count: int | None = None) -> None:
        """Let DuckDB run so many threads for all sessions of this instance; without a count, as many as it had.

        One is right for whatever waits for PostgreSQL: what reads from there is one task of one thread, and DuckDB's
        other threads spin until it is done, which takes the processor from the server (a first load of 1 M rows: 1.3 s
        of processor time with two threads, 0.85 s with one). Sessions in threads of their own still run side by side.
        """
        if self._threads is None:
            self._threads = self._all_threads = self.one(statements.get("engine", "threads"))
        wanted = count or self._all_threads
        if wanted != self._threads:
            self.execute(f"SET threads = {wanted}")
            self._threads = wanted

    @contextmanager
    def all_threads(self) -> Iterator[None]:
        """As many threads as there were, for what doesn't wait for PostgreSQL; then as many as before."""
        self.use_threads(self._threads)
        before = self._threads
        self.use_threads()
        yield
        self.use_threads(before)

    def memory_limit(self) -> int:
        """How much DuckDB may hold by the settings, in bytes; what it may beyond them is for a file's notes alone."""
        if not self._limit:
            # Once: DuckDB rounds what it says, and what is set by that would be less each time.
            number, unit = self.one(statements.get("engine", "memory_limit")).split()
            self._limit = int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))
        return self._limit

    def make_room(self, path: Path) -> None:
        """Let DuckDB hold, beyond its limit, the notes that say which rows of the file are deleted.

        They can't go to the disk, and after many changes all over a table of 50 M rows they are 600 MB.
        """
        if not path.exists() or path.stat().st_size < _LARGE:
            return
        limit, notes = self.memory_limit(), self._notes_of(path.stat().st_size)
        if notes > limit // 4:
            self._more = notes
            self.execute(f"SET memory_limit = '{limit + notes}B'")

    def _notes_of(self, size: int) -> int:
        """The bytes of all notes of a file of this size; counted anew once files have grown by an eighth.

        A session is not kept after an error, so one that counted too few is the last to do so.
        """
        if size > self._counted * 9 // 8:
            self._counted, self._notes = size, self.block("rows")[0]["rows"] // widths.VECTOR * _NOTE
        return self._notes

    def give_back_room(self) -> None:
        """Back to the limit of the settings, once no file is open any more."""
        if self._more:
            self._more = 0
            self.execute(f"SET memory_limit = '{self._limit}B'")

    def memory(self) -> tuple[int, int]:
        """Bytes that the session's temporary tables take in memory, and bytes that were put on disk for want of it."""
        row = self.block("memory")[0]
        return int(row["held"]), int(row["spilled"])
