"""Reads a range of a table anew, part by part, each in a run of its own that brings everything else up to date, too.

A part is done once its run has published. How far it came stands beside the target, so the same call goes on after a
kill, and a daemon does its own runs in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg

from app import errors, nearest, statements
from jobs import disk, quoting
from jobs.beside import notes
from jobs.job import Job
from jobs.results import Progress, Silent, TableRun
from jobs.run import sync
from jobs.sessions import OpenSessions
from jobs.source import catalogue
from jobs.source.connection import Connection, Source
from jobs.source.session import memory, select
from jobs.tables import filters, ranges
from jobs.tables.ranges import Range
from jobs.tables.table import Table, calls_code

CHUNK = 500_000


@dataclass(frozen=True)
class Backfilled:
    """What was done. `resumed` is the last key that an earlier call had done; rows are those that changed the file."""

    table: str
    parts: int
    rows_in: int
    rows_out: int
    resumed: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        return asdict(self)


def backfill(
    job: Job, name: str, wanted: Range, *, chunk: int = CHUNK, restart: bool = False, progress: Progress | None = None
) -> Backfilled:
    """Read the rows anew and mend what differs in the file; the rest stays as it is, but for what changed since.

    Raises `errors.UsageError` for a table, a range or a condition that is none, and where another one was cut short.
    """
    with closing(OpenSessions()) as sessions:
        # What asks whether anything differs and what mends it are one session then, and the rows are read once.
        return _backfilled(
            job if job.sessions else job.with_sessions(sessions), name, wanted, chunk, restart, progress or Silent()
        )


def _backfilled(job: Job, name: str, wanted: Range, chunk: int, restart: bool, shown: Progress) -> Backfilled:
    with _asking(job, wanted) as conn:
        table = _table(conn, job, name)
        wanted = _checked(conn, table, wanted)
        done = _begun(job, table, wanted, restart=restart)
        total = _count(conn, table, wanted, done)
    shown.start(table.name, total)
    sums = Backfilled(table.name, 0, 0, 0, done)
    rest = _after(wanted, done)
    parts = [(rest, total)] if total is not None and total <= chunk else _parts(job, table, wanted, done, chunk)
    for part, rows in parts:
        run = _done(job, table, part)
        sums = replace(
            sums, parts=sums.parts + 1, rows_in=sums.rows_in + run.rows_in, rows_out=sums.rows_out + run.rows_out
        )
        _note(job, table, wanted, part.high)
        shown.advance(table.name, rows)
    shown.finish(table.name)
    _forget(job, table, wanted)
    return sums


@contextmanager
def _asking(job: Job, wanted: Range) -> Iterator[Connection]:
    """The session of the runs; one of its own where somebody's condition may leave something behind."""
    if wanted.where:
        with Source.of(job).connect(application="neaptide backfill") as conn:
            yield conn
    else:
        with Source.of(job).meet() as (conn, _):
            yield conn


def _table(conn: Connection, job: Job, name: str) -> Table:
    listing = catalogue.look(conn, job.settings, memory=memory(job))
    try:
        chosen = select(listing, (name,))
    except errors.ConfigError as error:
        hint = nearest.hint(name, (one.name for one in listing.tables), "run `neaptide tables` for the list")
        raise errors.UsageError(error.message, hint=hint) from None
    for failure in chosen.failures.values():
        raise failure
    return chosen.tables[0]


def _checked(conn: Connection, table: Table, wanted: Range) -> Range:
    """The range with its ends as PostgreSQL spells them: `today` is no date, and ` 7` no number, to the file."""
    if not table.key:
        raise errors.UsageError(f"{table.name} has no key: `neaptide sync --full --table {table.name}` copies it anew")
    if not wanted.where and not ranges.is_ordered(table):
        reason = f"{table.name} has no key of one column that is a whole number, a uuid, a date, a timestamp or a text"
        raise errors.UsageError(reason, hint="name the rows by --where")
    if calls_code(wanted.where or None):
        reason = "--where has a subquery, or a function or type that may not be PostgreSQL's own"
        raise errors.UsageError(reason, hint="name the rows by their own columns: others' code would run as this role")
    # By itself first: what closes more brackets than it opens would get about the table's own filter.
    conditions = (filters.where(wanted.where or "true"), wanted.source(table) or "true")
    try:
        with conn.transaction():
            for condition in conditions:
                conn.execute(f"SELECT FROM {table.rows_from} WHERE {condition} LIMIT 0".encode())
            return wanted if wanted.where else _spelled(conn, table, wanted)
    except psycopg.Error as error:
        raise errors.UsageError(f"PostgreSQL can't read the range: {str(error).splitlines()[0]}") from error


def _spelled(conn: Connection, table: Table, wanted: Range) -> Range:
    low, high = (f"{quoting.literal(end)}::{_type(table)}" if end is not None else "NULL" for end in _ends(wanted)[1:])
    query = f"SELECT ({low})::text AS low, ({high})::text AS high, {low} > {high} AS wrong"
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    if row["wrong"]:
        raise errors.UsageError(f"the range ends before it begins: {wanted.low} to {wanted.high}")
    return replace(wanted, low=row["low"], high=row["high"])


def _type(table: Table) -> str:
    [info] = table.key_infos()
    kind = info.type.resolved.name
    return 'text COLLATE "C"' if kind in ("text", "varchar") else kind


def _count(conn: Connection, table: Table, wanted: Range, done: str | None) -> int | None:
    """How many rows are left to read, where that is soon known."""
    left = _after(wanted, done).source(table) or "true"
    with suppress(psycopg.Error), conn.transaction():
        conn.execute(statements.get("session", "count_briefly"))
        row = conn.execute(f"SELECT count(*) AS rows FROM {table.rows_from} WHERE {left}".encode()).fetchone()
        return int(row["rows"]) if row else None
    return None


def _after(wanted: Range, done: str | None) -> Range:
    return wanted if done is None else replace(wanted, low=done, after=True)


def _parts(job: Job, table: Table, wanted: Range, done: str | None, chunk: int) -> Iterator[tuple[Range, int]]:
    """The parts of the range with about how many rows each has; the last one reaches to its end."""
    while True:
        rest = _after(wanted, done)
        upto, rows = _upto(job, table, rest, chunk) if ranges.is_ordered(table) else (None, 0)
        if upto is None or rows < chunk or upto == wanted.high:
            yield rest, rows
            return
        yield replace(rest, high=upto), rows
        done = upto


def _upto(job: Job, table: Table, rest: Range, chunk: int) -> tuple[str | None, int]:
    key = ranges.source_key(table)
    where = filters.both(rest.source(table)) or "true"
    inner = f"SELECT {key} AS k FROM {table.rows_from} WHERE {where} ORDER BY 1 LIMIT {chunk}"
    query = f"SELECT count(*) AS rows, (array_agg(c.k ORDER BY c.k DESC))[1]::text AS upto FROM ({inner}) AS c"
    with _asking(job, rest) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row["upto"], int(row["rows"])


def _done(job: Job, table: Table, part: Range) -> TableRun:
    run = sync.sync_once(job, ranges={table.name: part})
    [table_run] = [one for one in run.tables if one.table == table.name] or [TableRun(table.name, "none")]
    if table_run.action == "paused":
        raise errors.Paused(f"{table.name} is paused", hint=f"neaptide resume {table.name}")
    if table_run.error:
        raise errors.NeaptideError(f"{table.name}: {table_run.error}")
    return table_run


# What stands beside the target


def _begun(job: Job, table: Table, wanted: Range, *, restart: bool) -> str | None:
    """The last key that an earlier call of this range had done. Raises `errors.UsageError` where that was another."""
    if restart:
        _forget_any(job)
    note = job.files.read("backfill", notes.Backfill)
    if not note:
        return None
    if _is_of(note, table, wanted):
        return str(note["done"])
    raise errors.UsageError(
        f"a backfill of {note['table']}, {_in_words(note)}, was cut short after {note['done']}",
        hint="unless it is still under way: call it again to go on, or add --restart to forget it",
    )


def _in_words(note: dict[str, Any]) -> str:
    if note["where"]:
        return f"where {note['where']}"
    return f"from {note['low'] or 'the first'} to {note['high'] or 'the last'}"


def _ends(wanted: Range) -> tuple[str, str | None, str | None]:
    return wanted.where, wanted.low, wanted.high


@disk.translated()
def _note(job: Job, table: Table, wanted: Range, done: str | None) -> None:
    if done is not None:
        where, low, high = _ends(wanted)
        content = {"table": table.name, "where": where, "low": low, "high": high, "done": done}
        job.files.note("backfill", content)


@disk.translated()
def _forget_any(job: Job) -> None:
    job.files.forget("backfill")


def _forget(job: Job, table: Table, wanted: Range) -> None:
    """It is done; what another one, which began meanwhile, has noted is left."""
    if _is_of(job.files.read("backfill", notes.Backfill), table, wanted):
        _forget_any(job)


def _is_of(note: dict[str, Any], table: Table, wanted: Range) -> bool:
    return bool(note) and (note["table"], note["where"], note["low"], note["high"]) == (table.name, *_ends(wanted))
