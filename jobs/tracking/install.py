"""Installs on the source what the watermark modes need, and takes it away again.

Everything lies in the schema `neaptide` but the triggers, a stamp column and its index. `jobs.tables.capture` says what
the triggers do, `jobs.tracking.ddl` which statements are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import psycopg

from app import errors, statements
from jobs.beside import identity
from jobs.job import Job
from jobs.source import catalogue
from jobs.source.connection import Connection, Source
from jobs.source.failures import translated
from jobs.tables import patterns
from jobs.tables.table import Table
from jobs.tables.triggers import OURS, Function
from jobs.tracking import ddl, outbox, publishing
from jobs.tracking.ddl import Installed, Statement

LOCK_TIMEOUT = "3s"
APPLICATION = "neaptide track"
# What is not qualified is PostgreSQL's own, whatever the role or the database has set.
_BOUND = "search_path = pg_catalog, pg_temp"
SETTINGS = (f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'", f"SET LOCAL {_BOUND}")
_RACED = (
    psycopg.errors.UniqueViolation, psycopg.errors.DuplicateSchema, psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject, psycopg.errors.DuplicateColumn,
)  # fmt: skip

Warn = Callable[[str], None]


def track(job: Job, names: list[str], warn: Warn = lambda _: None) -> list[str]:
    """Install what the tables need, all in one transaction; returns the statements. What is in place isn't touched.

    Raises `errors.SourceTimeout` if a table stays locked by others for longer than `LOCK_TIMEOUT`, and
    `errors.NotTracked` where the schema `neaptide` is in somebody else's hands.
    """
    executed = _execute(job, lambda conn: _installing(job, conn, names, warn))
    if not job.settings.reads_log:
        _forget_slot(job)
    return executed


def lacking(conn: Connection, tables: list[Table], owner: str) -> list[list[Statement]]:
    """What `track` would do for each table if `owner` ran it; what several need stands with the first."""
    _check_owners(conn, owner)
    have = _installed(conn, tables, _things(conn))
    seen: set[Statement] = set()
    missing = []
    for table in tables:
        own = [one for one in ddl.install(table, have) if one not in seen]
        seen.update(own)
        missing.append(own)
    return missing


def untrack(job: Job, names: list[str]) -> list[str]:
    """Remove from the tables what `track` put there: triggers, functions, indexes, and columns that it added.

    With no names from every table of the database, whatever the config says of it, and the schema with it.
    """
    executed = _execute(job, lambda conn: removing(job, conn, names))
    _forget_slot(job)
    return executed


def _forget_slot(job: Job) -> None:
    """What `status` says of it is of a slot that is dropped; of one that isn't, the next run says it again."""
    with suppress(OSError, errors.NeaptideError):
        job.files.forget(identity.slot_note(job.files.part))


def missing(job: Job) -> list[str]:
    """The statements that `track` would run for all tables now; nothing is changed."""
    with Source.of_owner(job).connect(application=APPLICATION) as conn, conn.transaction():
        return [one.text for one in _installing(job, conn, [], lambda _: None)]


def _execute(job: Job, gather: Callable[[Connection], list[Statement]]) -> list[str]:
    with translated(), Source.of_owner(job).open(APPLICATION) as conn:
        with conn.transaction():
            for setting in SETTINGS:
                conn.execute(setting.encode())
            todo = gather(conn)
            _run(conn, [one for one in todo if not one.alone])
        # Indexes that are built while others write can't be part of a transaction, and take their time.
        alone = [one for one in todo if one.alone]
        for setting in ("lock_timeout = 0", "statement_timeout = 0", _BOUND):
            if alone:
                conn.execute(f"SET {setting}".encode())
        _run(conn, alone)
    return [one.text for one in todo]


def _run(conn: Connection, statements: Iterable[Statement]) -> None:
    for one in statements:
        try:
            conn.execute(one.text.encode())
        except _RACED as error:
            raise errors.SchemaMoving(
                f"somebody else tracks this database at the same moment: {str(error).splitlines()[0]}",
                hint="run it again",
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise errors.AccessDenied(
                f"this role may not do that: {str(error).splitlines()[0]}",
                hint="`neaptide track --print` prints the SQL for the tables' owner to run",
            ) from error


def _installing(job: Job, conn: Connection, names: list[str], warn: Warn) -> list[Statement]:
    [role] = ask(conn, "role")
    _check_owners(conn, role["name"])
    things = _things(conn)
    if "tombstone" in things and not conn.read_only:
        _lock(conn)
    tables = named(catalogue.read(conn, job.settings), names)
    have = _installed(conn, tables, things)
    _warn_of_rights(conn, tables, warn)
    triggers = dict.fromkeys(one for table in tables for one in ddl.install(table, have))
    events = events_of(conn, tables, things, triggers)
    return [*triggers, *events, *publishing_of(job, conn, tables, every=not names, warn=warn)]


def events_of(
    conn: Connection, tables: list[Table], things: frozenset[str], before: Iterable[Statement]
) -> list[Statement]:
    """What is missing for events to tell of tables; `before` are the statements that are run first."""
    coming = [name for name in ("schema", "purge") if ddl.block(name) in set(before)]
    return outbox.installing(conn, tables, {*things, *coming})


def publishing_of(
    job: Job, conn: Connection, tables: list[Table], *, every: bool, warn: Warn = lambda _: None
) -> list[Statement]:
    """What is missing for the log to tell of those tables that are followed there."""
    slot = job.files.slot if any(table.mode.from_log for table in tables) else job.files.known_slot
    return publishing.installing(conn, slot, tables, every=every, warn=warn)


def removing(job: Job, conn: Connection, names: list[str]) -> list[Statement]:
    tables = named(catalogue.look(conn, job.settings).tables, names) if names else []
    rows = ask(conn, "traces", relids=[table.relid for table in tables], mark=ddl.ADDED)
    rest = [one for table in tables for one in ddl.removed(table)] if names else [ddl.block("remove_schema")]
    logged = publishing.removing(conn, job.files.known_slot, tables) if names else publishing.removing_all(conn)
    return [*logged, *map(ddl.dropped, rows), *rest]


def named(tables: list[Table], names: Iterable[str]) -> list[Table]:
    wanted = list(names) or [table.source_name for table in tables]
    unknown = sorted(set(wanted) - {name for table in tables for name in (table.source_name, table.name)})
    if unknown:
        raise patterns.unknown(unknown[0], {table.source_name for table in tables})
    return [table for table in tables if table.source_name in wanted or table.name in wanted]


def _things(conn: Connection) -> frozenset[str]:
    return frozenset(row["name"] for row in ask(conn, "things_in_place"))


def _installed(conn: Connection, tables: list[Table], things: frozenset[str]) -> Installed:
    relids = [table.relid for table in tables]
    functions = ask(conn, "functions_in_place")
    indexes = ask(conn, "indexes_in_place", relids=relids)
    sizes = ask(conn, "tables_in_place", relids=relids)
    return Installed(
        {row["name"]: _function(row) for row in functions},
        frozenset(row["name"] for row in functions if row["public"]),
        frozenset((row["relid"], row["column"], row["name"], row["method"]) for row in indexes),
        things,
        {row["relid"]: row["bytes"] for row in sizes},
        {row["relid"]: frozenset(row["placing"]) for row in sizes},
    )


def _function(row: dict[str, Any]) -> Function:
    settings = frozenset(setting.lower() for setting in row["settings"] or ())
    return Function(OURS, row["name"], row["source"], row["language"], row["definer"], settings)


def ask(conn: Connection, block: str, **given: Any) -> list[dict[str, Any]]:
    return conn.execute(statements.get("track", block), given or None).fetchall()


def _check_owners(conn: Connection, role: str) -> None:
    """What triggers write runs as this role, and with it whatever another role has put in its way."""
    for row in ask(conn, "strangers", role=role):
        raise errors.NotTracked(
            f"{row['what']} is in the hands of {row['owner']}, whose code would run with the rights of this one",
            hint="run `neaptide track` as that role if it owns the tables, or let it run what `neaptide track --print`"
            " prints; else drop the schema neaptide first",
        )


def _lock(conn: Connection) -> None:
    try:
        with conn.transaction():
            conn.execute(statements.get("track", "lock"))
    except psycopg.errors.LockNotAvailable as error:
        [row] = ask(conn, "tombstone_oid")
        [held] = ask(conn, "holders", relids=[row["relid"]])
        raise errors.SourceTimeout(
            f"neaptide.tombstone is locked by {held['who'] or 'another session'}", hint="try again once that is done"
        ) from error


def _warn_of_rights(conn: Connection, tables: list[Table], warn: Warn) -> None:
    [role] = ask(conn, "role")
    rows = ask(conn, "tables_in_place", relids=[table.relid for table in tables])
    owners = sorted({row["owner"] for row in rows if not row["owned_by_superuser"]})
    if role["super"] and owners:
        warn(
            f"warning: {role['name']} is a superuser, and what the triggers write is written with its rights. The owner"
            f" of the tables ({', '.join(owners)}) can run this, too."
        )
