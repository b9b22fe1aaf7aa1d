"""Copies whole tables, several pieces at once, all of them in the run's one snapshot.

A table is cut by its pages (ctid ranges, PostgreSQL >= 14 scans just those) into pieces of about the same number of
bytes, TOASTed values included, so that few huge rows are bounded like many small ones. Workers take pieces until none
is left. The rows go into a table of another name; the swap is one transaction with the table's watermark. A load that
is cut short is repeated only for the tables that were not swapped: the others go on from their own watermark.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from app import errors, statements
from jobs import faults, quoting
from jobs.engine import intake, rows
from jobs.engine.session import DuckSession
from jobs.feeds.watermark import misfits
from jobs.results import Progress
from jobs.source import widths
from jobs.source.session import SourceSession
from jobs.tables import filters
from jobs.tables.table import Table

# What a worker has in hand at once; much less costs round trips, much more costs memory where rows are wide.
PIECE_BYTES = 64 * 2**20
# The same where few rows make up a piece: DuckDB holds all of them at once, several times over.
HUGE_BYTES = PIECE_BYTES // 4
_PAGE = 8192
# Below this a piece of its own for each worker gains nothing.
_SMALL_PAGES = 1024
PREFIX = "neaptide loading "


Failure = tuple[Table, errors.NeaptideError]


@dataclass(frozen=True)
class Piece:
    """A part of a table: a condition in PostgreSQL's SQL, empty for all of it.

    One of `huge` rows is written to the file before the next is read.
    """

    table: Table
    where: str
    huge: bool = False


@dataclass(frozen=True)
class Copied:
    """What was copied of one table, and the seconds from its first piece's start to its last one's end."""

    rows: int
    seconds: float


def copy_tables(
    session: DuckSession, tables: Sequence[Table], now: SourceSession, *, workers: int, progress: Progress
) -> tuple[dict[str, Copied], list[Failure]]:
    """Copy these tables into their loading names and commit them there. Swap each afterwards.

    Returns what was copied by table name, and the tables that can't be, each with its error.
    """
    for table in tables:
        drop(session, table)
        rows.create_table(session, table, loading_name(session, table))
        progress.start(table.name, table.rows)
    pieces = [piece for table in tables for piece in cut(table, now)]
    session.use_threads(1)
    copied, failures = _Workers(session, now, progress).run(pieces, min(workers, len(pieces)))
    for table, _error in failures:
        drop(session, table)
    for table in tables:
        progress.finish(table.name)
    return copied, failures


def drop(session: DuckSession, table: Table) -> None:
    """Forget what an earlier load left."""
    session.execute(f"DROP TABLE IF EXISTS {loading_name(session, table)}")


def drop_all(session: DuckSession) -> None:
    """The same of every table."""
    for schema, name in session.copied_tables():
        if name.startswith(PREFIX):
            session.execute(f"DROP TABLE out.{quoting.qualified(schema, name)}")


def loading_name(session: DuckSession, table: Table) -> str:
    """Where the rows go until they are complete: beside the table, since a rename can't change the schema."""
    return f"{session.staging}.{quoting.qualified(table.target[0], PREFIX + table.target[1])}"


def cut(table: Table, now: SourceSession) -> Iterator[Piece]:
    """The pieces of a table. The last one is open, for pages that came after the count."""
    pages, size = _size(table, now)
    belongs = filters.belongs(table)
    if table.kind != "r" or table.parts:
        yield Piece(table, belongs)
        return
    if size > PIECE_BYTES and widths.mean(now.conn, table) * widths.VECTOR > PIECE_BYTES:
        for begin, end in widths.ranges(now.conn, table, HUGE_BYTES):
            bounds = [f"ctid >= '{begin}'"] + ([f"ctid < '{end}'"] if end else [])
            yield Piece(table, filters.both(*bounds, belongs), huge=True)
        return
    if pages < _SMALL_PAGES:
        yield Piece(table, belongs)
        return
    step = max(1, int(pages * PIECE_BYTES / max(size, 1)))
    for low in range(0, pages, step):
        bounds = [f"ctid >= '({low},0)'"] + ([f"ctid < '({low + step},0)'"] if low + step < pages else [])
        yield Piece(table, filters.both(*bounds, belongs))


def _size(table: Table, now: SourceSession) -> tuple[int, int]:
    """Pages of the main fork, and bytes with TOAST."""
    row = now.conn.execute(statements.get("catalogue", "sizes"), {"relid": table.relid}).fetchone()
    assert row is not None
    return (row["main"] or 0) // _PAGE, row["whole"] or 0


class _Workers:
    """Sessions of one DuckDB instance, each in a thread and a transaction of its own, joined to the same snapshot."""

    def __init__(self, session: DuckSession, now: SourceSession, progress: Progress) -> None:
        self._session, self._now, self._progress = session, now, progress
        self._waiting: SimpleQueue[Piece] = SimpleQueue()
        self._counts: Counter[str] = Counter()
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._failures: list[errors.NeaptideError] = []
        self._failed: dict[str, Failure] = {}
        # Pieces that there was no memory for beside the others.
        self._large: list[Piece] = []
        self._alone = False
        self._lock = threading.Lock()

    def run(self, pieces: Sequence[Piece], workers: int) -> tuple[dict[str, Copied], list[Failure]]:
        """Work through the pieces: what was copied by table, and the tables that failed.

        A failure that is no matter of one table stops all, and is raised.
        """
        self._put(pieces)
        threads = [threading.Thread(target=self._work, name=f"load {place}") for place in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._large:
            self._alone = True
            self._put(self._large)
            self._work()
        if self._failures:
            raise self._failures[0]
        copied = {
            name: Copied(self._counts[name], ended - self._began[name])
            for name, ended in self._ended.items()
            if name not in self._failed
        }
        return copied, list(self._failed.values())

    def _work(self) -> None:
        session = self._session.cursor()
        try:
            while not self._waiting.empty() and not self._failures:
                self._load(session)
        except errors.NeaptideError as error:
            self._failures.append(error)
        except Exception as error:  # noqa: BLE001  a thread's error must reach the caller
            self._failures.append(errors.Bug(f"{type(error).__name__}: {error}"))

    def _load(self, session: DuckSession) -> None:
        """Pieces until none is left, or one of huge rows is done, in one transaction.

        A table that can't be read ends the transaction: what was read of others in it goes back to the pieces left. A
        piece that there was no memory for is read once more when it is the only one.
        """
        done: list[tuple[Piece, int]] = []
        piece: Piece | None = None
        try:
            with session.transaction():
                session.join_snapshot(self._now.snapshot, self._now.spool)
                for piece in self._pieces():
                    done.append((piece, self._take(session, piece)))
                    if piece.huge or self._alone:
                        break
            if piece is not None and piece.huge:
                session.execute(statements.get("engine", "merge_nothing"))
                session.execute(f"CHECKPOINT {session.staging}")
        except errors.NeaptideError as error:
            if piece is None or not misfits.is_of_a_table(error):
                raise
            self._put([other for other, _rows in done])
            if isinstance(error, errors.OutOfMemory) and not self._alone:
                self._large.append(piece)
            else:
                self._failed[piece.table.name] = (piece.table, error)
            return
        with self._lock:
            for other, rows in done:
                self._counts[other.table.name] += rows

    def _put(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._waiting.put(piece)

    def _pieces(self) -> Iterator[Piece]:
        while not self._failures:
            try:
                piece = self._waiting.get_nowait()
            except Empty:
                return
            if piece.table.name not in self._failed:
                yield piece

    def _take(self, session: DuckSession, piece: Piece) -> int:
        name = piece.table.name
        with self._lock:
            self._began.setdefault(name, time.monotonic())
        rows = _copied(session, piece)
        with self._lock:
            self._ended[name] = time.monotonic()
            self._progress.advance(name, rows)
        faults.point("piece_loaded")
        return rows


def _copied(session: DuckSession, piece: Piece) -> int:
    wire = rows.source_rows(piece.table, piece.table.columns, piece.where)
    return intake.insert(session, loading_name(session, piece.table), wire)
