"""One DuckDB session of a run: the file being written is attached as `out`, PostgreSQL as `pg`.

Everything is written with DELETE … WHERE key IN (SELECT …), INSERT … SELECT and UPDATE on an attached catalogue, so
another kind of target that can be attached can take the file's place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from app import errors, statements
from jobs import quoting
from jobs.engine.failures import Damaged, translate, translated
from jobs.position.snapshot import Snapshot
from jobs.source import locks, widths
from jobs.source import settings as sessions
from jobs.source.connection import Source
from jobs.source.spool import Spool
from jobs.types import masks
from jobs.types.wire import GUESTS, TABLES

_LOCK_WAIT = "200ms"
# How long a log may get before DuckDB checkpoints by itself: its default.
_LOG = "16MiB"
# DuckDB notes which rows are deleted of each 2,048 of which one is, and holds the notes of all that it looks at.
_NOTE = 26 * 1024
# A smaller file has too few rows for it to matter.
_LARGE = 64 * 2**20


class DuckSession:
    """A DuckDB session. Made by jobs/engine/opening.py."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, room: Path | None = None) -> None:
        self.connection = connection
        self._room = room
        # What one run leaves in the session for the next: see jobs/run/carry.py.
        self.left: Any = None
        # What every transaction of each session there begins with; empty where PostgreSQL is not attached.
        self._settings: dict[str, dict[str, str]] = {}
        # The sessions that take part in the transaction.
        self._joined: tuple[str, ...] = ()
        self._pads = ""
        # Where the run's one session reads for this one, which then has none of its own.
        self.spool: Spool | None = None
        # What DuckDB may hold by the settings, and how much more it may hold for now, in bytes.
        self._limit = self._more = 0
        self._merges = True
        self._threads: int | None = None
        self._all_threads: int | None = None

    def cursor(self) -> DuckSession:
        """Another session of the same DuckDB, with transactions of its own, for another thread."""
        found = DuckSession(self.connection.cursor())
        found._settings, found._pads = self._settings, self._pads
        return found

    def execute(self, query: str, given: dict[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run one statement; driver errors become `errors.*`."""
        with translated():
            return self.connection.execute(query, given) if given else self.connection.execute(query)

    def rows(self, query: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows as dicts."""
        found = self.execute(query, given)
        names = [item[0] for item in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, query: str) -> Any:
        """The first column of the only row."""
        row = self.execute(query).fetchone()
        assert row is not None
        return row[0]

    def block(self, name: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a block of sql/target.sql."""
        return self.rows(statements.get("target", name), given)

    @contextmanager
    def transaction(self, committing: AbstractContextManager[None] | None = None) -> Iterator[None]:
        """All or nothing; the commit is done inside `committing`."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            raise
        with committing or nullcontext():
            self.execute("COMMIT")

    def attach_source(self, source: Source, spool: Spool | None = None, *, guests: bool = False) -> None:
        """Attach PostgreSQL read-only, and once more for what runs code of others, the `guests`.

        The password goes into a secret of this session, which shows it to nobody. With a `spool` that reads for it,
        only learn to read what that holds.
        """
        if not self._settings:
            found = extension()
            self.execute(f"LOAD {quoting.literal(str(found))}" if found else "INSTALL postgres; LOAD postgres")
        for name in () if spool else (TABLES, *([GUESTS] if guests else [])):
            if name not in self._settings:
                self._attach(name, source)

    def _attach(self, name: str, source: Source) -> None:
        parts = source.parts()
        secret = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
        pairs = [f"{name} {quoting.literal(parts[key])}" for key, name in secret.items() if parts.get(key)]
        kept = {key: value for key, value in parts.items() if key not in secret}
        options = {**kept, **source.options()}
        text = " ".join(f"{key}={_conninfo_value(value)}" for key, value in options.items())
        self.execute(f"CREATE OR REPLACE SECRET source (TYPE postgres{''.join(f', {pair}' for pair in pairs)})")
        self.execute(f"ATTACH {quoting.literal(text)} AS {name} (TYPE postgres, SECRET source, READ_ONLY)")
        wanted = source.settings() if name == TABLES else sessions.open_to_views(source.settings())
        self._settings[name] = sessions.known(wanted, self._known_settings(source))
        self._pads = source.pads

    def _known_settings(self, source: Source) -> list[str]:
        names = ", ".join(quoting.literal(name) for name in source.settings())
        query = statements.get("session", "known").replace("%(names)s", f"ARRAY[{names}]")
        return [row["name"] for row in self.rows(f"FROM postgres_query('pg', {quoting.literal(query)})")]

    def use_threads(self, count: int | None = None) -> None:
        """Let DuckDB run so many threads for all sessions of this instance; without a count, as many as it had.

        One is right for whatever waits for PostgreSQL: what reads from there is one task of one thread, and DuckDB's
        other threads spin until it is done, which takes the processor from the server (a first load of 1 M rows: 1.3 s
        of processor time with two threads, 0.85 s with one). Sessions in threads of their own still run side by side.
        """
        if self._threads is None:
            self._threads = self._all_threads = self.one("SELECT current_setting('threads')")
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

    def join_snapshot(self, snapshot: Snapshot, spool: Spool | None = None) -> None:
        """Make this transaction's PostgreSQL sessions read in the exported snapshot; their first statement there.

        Where none was exported, the `spool` reads in the snapshot of the session that took it.
        """
        self.spool = spool
        if spool is None:
            self._begin(snapshot, f"SET TRANSACTION SNAPSHOT {quoting.literal(snapshot.exported)}")

    def see(self, snapshot: Snapshot) -> None:
        """Let this transaction's PostgreSQL sessions read in snapshots of their own, of the same tables."""
        self._begin(snapshot)

    def _begin(self, snapshot: Snapshot, *first: str) -> None:
        """Settings, which take no snapshot; then `first`, the locks, and what the masks are computed with.

        The extension keeps connections that have forgotten their settings (DISCARD ALL): each transaction needs them.
        """
        self._joined = (TABLES, GUESTS) if snapshot.guests else (TABLES,)
        for name in self._joined:
            for statement in (sessions.statement(self._settings[name]), *first):
                self._tell_source(statement, name)
            self._lock(snapshot, name)
        if self._pads:
            query = quoting.literal(statements.get("masks", "nonce"))
            hidden = masks.hidden(self._pads, self.one(f"SELECT nonce FROM postgres_query('pg', {query})"))
            self._tell_source(statements.get("masks", "pads").replace("%(hidden)s", quoting.literal(hidden)), TABLES)

    def _lock(self, snapshot: Snapshot, name: str) -> None:
        """Lock the run's tables here, too. Raises `errors.SchemaMoving` at once where somebody waits to alter one.

        PostgreSQL queues for locks: behind a waiting ALTER TABLE this session would wait for the one that holds the
        snapshot, which waits for this session, and every writer with them.
        """
        wanted = [locks.statement(snapshot.locked)] if snapshot.locked else []
        wanted += map(locks.touch, snapshot.touched)
        if not wanted:
            return
        bounds = (f"SET lock_timeout = '{wait}'" for wait in (_LOCK_WAIT, self._settings[name]["lock_timeout"]))
        try:
            self._tell_source(f"; {'; '.join(wanted)}; ".join(bounds), name)
        except errors.SourceTimeout as error:
            raise errors.SchemaMoving(hint="the same call works once the change is made") from error

    @contextmanager
    def in_order_of_pages(self) -> Iterator[None]:
        """Have PostgreSQL visit a table's pages in their order, each once, and not in the order of an index on it.

        The rows of the margin before the floor are looked at in each run, and its statistics say nothing yet of the
        newest rows, so it would take an index scan for a few (100,000 new rows among 900,000 of the last minute, all
        over a table of 5 M: 530 ms by an index scan, 240 ms by a bitmap).
        """
        if self.spool is not None:
            with self.spool.setting("enable_indexscan = off"):
                yield
            return
        for name in self._joined:
            self._tell_source("SET LOCAL enable_indexscan = off", name)
        yield
        # What looks for a few keys, tombstones say, is best served by an index.
        for name in self._joined:
            self._tell_source("SET LOCAL enable_indexscan TO DEFAULT", name)

    @contextmanager
    def fetching_by_place(self) -> Iterator[None]:
        """Have a join with a few rowids read the places they name, and not look at every row for them.

        DuckDB makes a filter of at most so many values of a join's smaller side; more than a thousand are as slow.
        """
        self.execute("SET dynamic_or_filter_threshold = 1000")
        yield
        self.execute("RESET dynamic_or_filter_threshold")

    def _tell_source(self, command: str, name: str) -> None:
        self.execute(f"CALL postgres_execute({quoting.literal(name)}, {quoting.literal(command)})")

    def close(self) -> None:
        """End the session and everything in it."""
        self.connection.close()
        if self._room is not None:
            shutil.rmtree(self._room, ignore_errors=True)

    def close_off(self) -> None:
        """Let the session reach nothing any more but what is attached to it by now."""
        self.execute("SET enable_external_access = false")

    def refuse_views(self) -> None:
        """Raise `Damaged` where the file has views of somebody else's: one may do anything to whoever reads it."""
        strange = [row["name"] for row in self.block("no_tables")]
        if strange:
            raise Damaged(f"the reporting file is damaged: {', '.join(strange)} is not Neaptide's")

    def write_through(self, *, merge: bool = True) -> None:
        """Have the commit that comes next write the file itself, as `checkpoint` does, and no log before.

        DuckDB checkpoints in place of a log where a commit would bring that beyond `checkpoint_threshold`. The file
        is nobody else's yet, so a log that is written, synced to disk and copied into it at once is of no use.
        """
        self._set_merging(merge)
        self.execute("SET checkpoint_threshold = '0b'")

    def checkpoint(self, *, merge: bool = True) -> None:
        """Write the log, if there is one, into the file and let go of it: afterwards it is one whole file, and closed.

        With `merge`, DuckDB also puts small row groups together, and those from which much was deleted.
        """
        self._set_merging(merge)
        self.execute("CHECKPOINT out")
        self.execute("DETACH out")

    def _set_merging(self, merge: bool) -> None:
        self.execute(f"SET max_vacuum_tasks = {100 if merge and self._merges else 0}")

    def attach(self, path: Path, mode: str = "") -> None:
        """Open the file as `out`, with row groups of DuckDB's own size."""
        self.execute(f"ATTACH {quoting.literal(str(path))} AS out{mode}")
        self.execute(f"SET checkpoint_threshold = '{_LOG}'")
        self._merges = True
        self._make_room(path)

    def regroup(self, rows: int) -> None:
        """Open the file anew, so that what is written gets row groups of so many rows; before anything is written."""
        path = self.one("SELECT path FROM duckdb_databases() WHERE database_name = 'out'")
        self.execute("DETACH out")
        self.execute(f"ATTACH {quoting.literal(path)} AS out (ROW_GROUP_SIZE {rows})")
        # To merge row groups a checkpoint reads them whole; targets/file/compact.py looks after files of huge rows.
        self._merges = rows > widths.VECTOR

    def memory_limit(self) -> int:
        """How much DuckDB may hold by the settings, in bytes; what it may beyond them is for a file's notes alone."""
        number, unit = self.one("SELECT current_setting('memory_limit')").split()
        return int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit)) - self._more

    def _make_room(self, path: Path) -> None:
        """Let DuckDB hold, beyond its limit, the notes that say which rows of the file are deleted.

        They can't go to the disk, and after many changes all over a table of 50 M rows they are 600 MB.
        """
        if not path.exists() or path.stat().st_size < _LARGE:
            return
        limit, notes = self.memory_limit(), self.block("rows")[0]["rows"] // widths.VECTOR * _NOTE
        if notes > limit // 4:
            self._limit, self._more = limit, notes
            self.execute(f"SET memory_limit = '{limit + notes}B'")

    def give_back_room(self) -> None:
        """Back to the limit of the settings, once no file is open any more."""
        if self._more:
            self._more = 0
            self.execute(f"SET memory_limit = '{self._limit}B'")

    def memory(self) -> tuple[int, int]:
        """Bytes that the session's temporary tables take in memory, and bytes that were put on disk for want of it."""
        row = self.block("memory")[0]
        return int(row["held"]), int(row["spilled"])

    def has(self, name: str) -> bool:
        """Whether the file has a table or view of this quoted name; asked without a look at every attached database."""
        try:
            self.connection.execute(f"SELECT 1 FROM out.{name} LIMIT 0")
        except duckdb.CatalogException:
            return False
        except duckdb.Error as error:
            raise translate(error) from error
        return True

    def copied_tables(self) -> list[tuple[str, str]]:
        """Schema and name of every copied table in the file."""
        return [(row["schema"], row["name"]) for row in self.block("list_tables")]


def extension() -> Path | None:
    """The extension's file in its wheel, which is of exactly DuckDB's version; None where there is no wheel."""
    try:
        found = resources.files("duckdb_extension_postgres_scanner")
    except ModuleNotFoundError:
        return None
    path = Path(str(found)) / "extensions" / f"v{duckdb.__version__}" / "postgres_scanner.duckdb_extension"
    return path if path.exists() else None


def _conninfo_value(value: str) -> str:
    """libpq's own quoting inside a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
