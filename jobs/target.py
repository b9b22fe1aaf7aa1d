"""One DuckDB session of a run: the file being written is attached as `out`, PostgreSQL as `pg`.

Everything is written with DELETE … WHERE key IN (SELECT …), INSERT … SELECT and UPDATE on an attached catalogue, so
another kind of target that can be attached can take the file's place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from app import errors, statements
from jobs import quoting
from jobs.job import Job
from jobs.results import Run
from jobs.snapshot import Snapshot
from jobs.source import Identity, Source
from jobs.watermark import Watermark

_LOCK_WAIT = "200ms"
# Raise it with every change of sql/target.sql's tables: files of another format are built anew.
FORMAT = 2
_IDENTITY = ("system_id", "timeline", "database_oid", "database")


@dataclass(frozen=True)
class Saved:
    """What the file says of one table: how far it was read, and the signature it was read with."""

    table: str
    relid: int
    mode: str
    watermark: Watermark
    signature: dict[str, Any]
    clock: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What a file says of itself. `lineage` is shared by files that one may be brought up to date beside the other."""

    lineage: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    tables: dict[str, Saved] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    wal: str = ""
    # The file would not open: it is built anew.
    damaged: bool = False


class Target:
    """A DuckDB session. Make it with `opened`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._has_source = False

    def cursor(self) -> Target:
        """Another session of the same DuckDB, with transactions of its own, for another thread."""
        return Target(self.connection.cursor())

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
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def attach_source(self, source: Source) -> None:
        """Attach PostgreSQL read-only. The password goes into a secret of this session, which shows it to nobody."""
        if self._has_source:
            return
        self.execute(
            f"LOAD {quoting.literal(str(_extension()))}" if _extension() else "INSTALL postgres; LOAD postgres"
        )
        parts = source.parts()
        secret = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
        pairs = [f"{name} {quoting.literal(parts[key])}" for key, name in secret.items() if parts.get(key)]
        kept = {key: value for key, value in parts.items() if key not in secret}
        options = {**kept, **source.options(private=True)}
        text = " ".join(f"{key}={_conninfo_value(value)}" for key, value in options.items())
        self.execute(f"CREATE OR REPLACE SECRET source (TYPE postgres{''.join(f', {pair}' for pair in pairs)})")
        self.execute(f"ATTACH {quoting.literal(text)} AS pg (TYPE postgres, SECRET source, READ_ONLY)")
        self._has_source = True

    def join_snapshot(self, snapshot: Snapshot) -> None:
        """Make this transaction's PostgreSQL session read in the exported snapshot; its first statement there."""
        command = f"SET TRANSACTION SNAPSHOT {quoting.literal(snapshot.exported)}"
        self.execute(f"CALL postgres_execute('pg', {quoting.literal(command)})")
        self._lock(snapshot.locked)

    def _lock(self, tables: Sequence[str]) -> None:
        """Lock the tables here, too. Raises `errors.SchemaMoving` at once where somebody waits to alter one.

        PostgreSQL queues for locks: behind a waiting ALTER TABLE this session would wait for the one that holds the
        snapshot, which waits for this session, and every writer with them.
        """
        if not tables:
            return
        lock = f"LOCK TABLE {', '.join(tables)} IN ACCESS SHARE MODE"
        command = f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'; {lock}; SET LOCAL lock_timeout = DEFAULT"
        try:
            self.execute(f"CALL postgres_execute('pg', {quoting.literal(command)})")
        except errors.SourceTimeout as error:
            raise errors.SchemaMoving(hint="the same call works once the change is made") from error

    def state(self) -> State:
        """What the attached file says of itself; an empty state for a new one.

        Raises `Damaged` for a file of another version: it is only a copy, and is built anew like a broken one.
        """
        if not self.has("neaptide.file"):
            return State()
        file = next(iter(self.block("read_file")), {})
        if file.get("format", FORMAT) != FORMAT:
            raise Damaged(f"the reporting file has format {file['format']}, this version writes {FORMAT}")
        last = next(iter(self.block("read_last_run")), {"run_id": ""})
        identity: dict[str, Any] = {key: file[key] for key in _IDENTITY if key in file}
        tables = {row["table_name"]: _saved(row) for row in self.block("read_watermarks")}
        failed = {row["table_name"]: row["error"] for row in self.block("read_errors")}
        return State(file.get("lineage", ""), identity, last["run_id"], tables, failed, wal=file.get("wal") or "")

    def write_identity(self, identity: Identity, now: Snapshot, lineage: str) -> None:
        """Say whose copy this file is, and how far that one's log had come."""
        values = asdict(identity)
        self.block("forget_file")
        self.block(
            "write_file",
            {
                "format": FORMAT,
                "lineage": lineage,
                "wal": now.wal,
                **{key: values[key] for key in _IDENTITY},
            },
        )

    def write_watermark(self, saved: Saved, run_id: str) -> None:
        """Put a table's watermark in place of its last one."""
        self.write_watermarks([saved], run_id)

    def write_watermarks(self, marks: list[Saved], run_id: str) -> None:
        """Put the watermarks in place of the tables' last ones."""
        self.block("forget_watermarks", {"names": json.dumps([saved.table for saved in marks])})
        self.block("write_watermarks", {"rows": json.dumps([_mark_row(saved, run_id) for saved in marks])})

    def close(self) -> None:
        """End the session and everything in it."""
        self.connection.close()

    def take_over(self, published: Path, names: list[str]) -> None:
        """Copy these tables with their watermarks from the published file; they are as they are there."""
        self.execute(f"ATTACH IF NOT EXISTS {quoting.literal(str(published))} AS published (READ_ONLY)")
        for name in names:
            schema, table = quoting.split_name(name)
            quoted = quoting.qualified(schema, table)
            self.execute(f"CREATE SCHEMA IF NOT EXISTS out.{quoting.identifier(schema)}")
            self.execute(f"DROP TABLE IF EXISTS out.{quoted}")
            self.execute(f"CREATE TABLE out.{quoted} AS FROM published.{quoted}")
        self.block("forget_watermarks", {"names": json.dumps(names)})
        self.block("take_over_watermarks", {"names": json.dumps(names)})

    def checkpoint(self) -> None:
        """Write the log into the file and let go of it: afterwards it is one whole file, and closed."""
        self.execute("CHECKPOINT out")
        self.execute("DETACH out")

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


@contextmanager
def opened(job: Job, path: Path, *, read_only: bool = False) -> Iterator[Target]:
    """A session with the file at `path` attached as `out`; `errors.TargetUnusable` where DuckDB can't open it."""
    with session(job) as target:
        mode = " (READ_ONLY)" if read_only else ""
        target.execute(f"ATTACH {quoting.literal(str(path))} AS out{mode}")
        yield target


@contextmanager
def session(job: Job) -> Iterator[Target]:
    """A session without files. Where one is kept between runs, it is given back without files, too."""
    if job.keep is None:
        with closing(_connect(job)) as target:
            yield target
    else:
        with job.keep.target.lend(lambda: _connect(job)) as target:
            yield target
            for name in ("published", "out"):
                target.execute(f"DETACH DATABASE IF EXISTS {name}")


def _connect(job: Job) -> Target:
    settings = job.settings.target
    options: dict[str, Any] = {
        "memory_limit": settings.memory_limit,
        "temp_directory": str(job.files.spill),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    if settings.threads:
        options["threads"] = settings.threads
    with translated():
        connection = duckdb.connect(":memory:", config=options)
    target = Target(connection)
    target.execute("SET TimeZone = 'UTC'")
    return target


@contextmanager
def translated() -> Iterator[None]:
    """DuckDB's errors become ours."""
    try:
        yield
    except duckdb.Error as error:
        raise translate(error) from error


_OPTIONS = re.compile(r'(Unable to connect to Postgres) at ".*": ')
_FULL = ("No space left", "File too large", "disk quota", "Disk quota", "out of space", "max_temp_directory_size")
_DAMAGED = (
    "orrupt", "not a valid DuckDB", "checksum", "Checksum", "INTERNAL", "Serialization Error", "deserialize",
    "Could not read enough bytes", "Could not read all bytes",
)  # fmt: skip
# libpq's words for a session that ended, as the extension passes them on.
_GONE = (
    "Unable to connect to Postgres", "server closed the connection", "could not receive data from server",
    "could not send data to server", "terminating connection due to", "no connection to the server",
    "Connection reset by peer", "SSL connection has been closed", "SSL SYSCALL error", "connection not open",
    "Broken pipe", "the database system is",
)  # fmt: skip
# An error of PostgreSQL's may speak of damage too; it is that of its own files.
_FROM_SOURCE = ("Postgres", "Failed to prepare query", "Failed to execute query")
_REBUILD = "run `neaptide sync --full`, or `neaptide verify --repair`: the file is set aside and built anew"


def translate(error: duckdb.Error) -> errors.NeaptideError:
    """The error of ours for one of DuckDB's."""
    text = str(error).strip()
    # It quotes the options of the session, and among them may be the key of the masks.
    first = _OPTIONS.sub(r"\1: ", text.split("\n")[0])
    if any(sign in text for sign in _FULL):
        return errors.DiskFull(
            f"the disk of the reporting file is full: {first}", hint="free some space and sync again"
        )
    if any(sign in text for sign in _GONE):
        return errors.SourceUnavailable(
            f"PostgreSQL can't be reached: {first}", hint="check [source] url and the server"
        )
    if "conflict with recovery" in text:
        return errors.StandbyConflict(f"PostgreSQL: {first}", hint=errors.StandbyConflict.advice)
    if "ERROR: " in text:
        return _told_by_postgresql(text.split("ERROR: ", 1)[1].split("\n")[0].strip())
    if "canceling statement due to" in text or isinstance(error, duckdb.InterruptException):
        return errors.SourceTimeout(
            f"the run was cut short: {first}", hint="raise [source] statement_timeout or [sync] deadline"
        )
    if isinstance(
        error, duckdb.IOException | duckdb.FatalException | duckdb.InternalException | duckdb.SerializationException
    ):
        return _of_the_file(text, first)
    return errors.NeaptideError(f"DuckDB: {first}")


def _of_the_file(text: str, first: str) -> errors.NeaptideError:
    if any(sign in text for sign in _FROM_SOURCE):
        return errors.NeaptideError(f"DuckDB: {first}")
    if any(sign in text for sign in _DAMAGED):
        return Damaged(f"the reporting file is damaged: {first}", hint=_REBUILD)
    if "Could not set lock" in text:
        hint = "close the program that opened it for writing; readers open it read-only"
        return errors.TargetUnusable(f"the reporting file is held by another program: {first}", hint=hint)
    return errors.TargetUnusable(f"DuckDB: {first}")


def _told_by_postgresql(text: str) -> errors.NeaptideError:
    """What PostgreSQL answered to a query that DuckDB sent it."""
    if "canceling statement due to" in text:
        return errors.SourceTimeout(
            f"the run was cut short: {text}", hint="raise [source] statement_timeout or [sync] deadline"
        )
    if "permission denied" in text:
        return errors.AccessDenied(f"PostgreSQL: {text}", hint="grant the reading role SELECT on the table")
    return errors.NeaptideError(f"PostgreSQL: {text}")


class Damaged(errors.TargetUnusable):
    """A reporting file that is not whole; it is only a copy."""


def create_schema(target: Target) -> None:
    """Neaptide's own tables, where they are not there yet."""
    text = statements.get("target", "create_schema")
    if not target.has("neaptide.freshness"):
        target.execute(text)


def write_run(target: Target, run: Run, clock: dict[str, Any], published: Path | None, *, keep: int) -> None:
    """Record the run, and the runs that only the published file knows of; forget the oldest."""
    if published is not None:
        _take_over_runs(target, published)
    tables = run.tables
    target.block(
        "write_run",
        {
            "run_id": run.run_id,
            "kind": run.kind,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "as_of": run.as_of,
            "snapshot": run.snapshot,
            "clock": json.dumps(clock),
            "rows_in": sum(table.rows_in for table in tables),
            "rows_out": sum(table.rows_out for table in tables),
            "phases": json.dumps(run.phases),
            "warnings": json.dumps(run.warnings),
        },
    )
    told = [table for table in tables if table.action != "none" or table.reason or table.notes]
    rows = [{**asdict(table), "run_id": run.run_id, "notes": json.dumps(table.notes)} for table in told]
    target.block("write_table_runs", {"rows": json.dumps(rows)})
    target.block("forget_old_runs", {"keep": keep})
    target.block("forget_old_table_runs")


def _take_over_runs(target: Target, published: Path) -> None:
    """Each of the two files writes every other run; the history has all."""
    target.execute(f"ATTACH IF NOT EXISTS {quoting.literal(str(published))} AS published (READ_ONLY)")
    target.block("take_over_table_runs")
    target.block("take_over_runs")


def _mark_row(saved: Saved, run_id: str) -> dict[str, Any]:
    """As sql/target.sql takes it: one JSON for many rows, because DuckDB's client takes its time over each value."""
    mark = saved.watermark
    return {
        "table_name": saved.table,
        "relid": saved.relid,
        "mode": saved.mode,
        "snapshot": mark.snapshot.text,
        "as_of": mark.snapshot.as_of.isoformat(),
        "floor": mark.floor.isoformat() if mark.floor else None,
        "standby": mark.standby,
        "signature": json.dumps(saved.signature),
        "clock": json.dumps(saved.clock),
        "run_id": run_id,
    }


def _saved(row: dict[str, Any]) -> Saved:
    as_of: datetime = row["as_of"]
    mark = Watermark(Snapshot.parse(row["snapshot"], as_of=as_of), row["floor"], bool(row["standby"]))
    clock = json.loads(row["clock"])
    return Saved(row["table_name"], row["relid"], row["mode"], mark, json.loads(row["signature"]), clock)


def _extension() -> Path | None:
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
