"""PostgreSQL as DuckDB reads it, attached as `pg`: with which settings, in which snapshot, with which locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb

from app import errors, statements
from jobs import quoting
from jobs.engine.connection import Connection
from jobs.position.snapshot import Snapshot
from jobs.source import locks
from jobs.source import settings as sessions
from jobs.source.connection import Source
from jobs.source.spool import Spool
from jobs.types import masks
from jobs.types.wire import GUESTS, TABLES

_LOCK_WAIT = "200ms"
# What is read there is asked for by queries. Whoever asks DuckDB for a list of tables, though those of the file, would
# have it read PostgreSQL's whole catalogue: 3 ms for 200 tables.
_NO_SCHEMA = "none: all is read by queries"


class Bridge(Connection):
    """A connection that PostgreSQL can be attached to."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        # What every transaction of each session there begins with; empty where PostgreSQL is not attached.
        self._settings: dict[str, dict[str, str]] = {}
        # The sessions that take part in the transaction.
        self._joined: tuple[str, ...] = ()
        self._pads = ""
        # Where the run's one session reads for this one, which then has none of its own.
        self.spool: Spool | None = None

    def attach_source(self, source: Source, spool: Spool | None = None, *, guests: bool = False) -> None:
        """Attach PostgreSQL read-only, and once more for what runs code of others, the `guests`.

        The password goes into a secret of this session, which shows it to nobody. With a `spool` that reads for it,
        only learn to read what that holds.
        """
        if not self._settings:
            path = extension()
            install = statements.get("engine", "install_postgres")
            self.execute(f"LOAD {quoting.literal(str(path))}" if path else install)
        for name in () if spool else (TABLES, *([GUESTS] if guests else [])):
            if name not in self._settings:
                self._attach(name, source)

    def _attach(self, name: str, source: Source) -> None:
        parts = source.parts()
        secret = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
        pairs = [f"{name} {quoting.literal(parts[key])}" for key, name in secret.items() if parts.get(key)]
        rest = {key: value for key, value in parts.items() if key not in secret}
        options = {**rest, **source.options()}
        text = " ".join(f"{key}={_conninfo_value(value)}" for key, value in options.items())
        self.execute(f"CREATE OR REPLACE SECRET source (TYPE postgres{''.join(f', {pair}' for pair in pairs)})")
        kind = f"TYPE postgres, SECRET source, READ_ONLY, SCHEMA {quoting.literal(_NO_SCHEMA)}"
        self.execute(f"ATTACH {quoting.literal(text)} AS {name} ({kind})")
        wanted = source.settings() if name == TABLES else sessions.open_to_views(source.settings())
        self._settings[name] = sessions.known(wanted, self._known_settings(source))
        self._pads = source.pads

    def _known_settings(self, source: Source) -> list[str]:
        names = ", ".join(quoting.literal(name) for name in source.settings())
        query = statements.get("session", "known").replace("%(names)s", f"ARRAY[{names}]")
        return [row["name"] for row in self.rows(f"FROM postgres_query('pg', {quoting.literal(query)})")]

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
            self._enter(snapshot, "; ".join((sessions.statement(self._settings[name]), *first)), name)
        if self._pads:
            query = quoting.literal(statements.get("masks", "nonce"))
            hidden = masks.hidden(self._pads, self.one(f"SELECT nonce FROM postgres_query('pg', {query})"))
            self._tell_source(statements.get("masks", "pads").replace("%(hidden)s", quoting.literal(hidden)), TABLES)

    def _enter(self, snapshot: Snapshot, beginning: str, name: str) -> None:
        """Lock the run's tables here, too. Raises `errors.SchemaMoving` at once where somebody waits to alter one.

        PostgreSQL queues for locks: behind a waiting ALTER TABLE this session would wait for the one that holds the
        snapshot, which waits for this session, and every writer with them.
        """
        wanted = [locks.statement(snapshot.locked)] if snapshot.locked else []
        wanted += map(locks.touch, snapshot.touched)
        if not wanted:
            return self._tell_source(beginning, name)
        bounds = (f"SET lock_timeout = '{wait}'" for wait in (_LOCK_WAIT, self._settings[name]["lock_timeout"]))
        try:
            # In one message: each is a round trip.
            self._tell_source(f"{beginning}; " + f"; {'; '.join(wanted)}; ".join(bounds), name)
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
            self._tell_source(statements.get("session", "by_pages"), name)
        yield
        # What looks for a few keys, tombstones say, is best served by an index.
        for name in self._joined:
            self._tell_source(statements.get("session", "by_index"), name)

    def _tell_source(self, command: str, name: str) -> None:
        self.execute(f"CALL postgres_execute({quoting.literal(name)}, {quoting.literal(command)})")


def extension() -> Path | None:
    """The extension's file in its wheel, which is of exactly DuckDB's version; None where there is no wheel."""
    try:
        package = resources.files("duckdb_extension_postgres_scanner")
    except ModuleNotFoundError:
        return None
    path = Path(str(package)) / "extensions" / f"v{duckdb.__version__}" / "postgres_scanner.duckdb_extension"
    return path if path.exists() else None


def _conninfo_value(value: str) -> str:
    """libpq's own quoting inside a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
