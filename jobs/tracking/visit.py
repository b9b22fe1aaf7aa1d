"""What a DBA runs in one visit: the SQL of `track` or `untrack`, in words, too, and the rights that a reader needs."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from app import errors, escapes
from jobs import quoting
from jobs.job import Job
from jobs.source import catalogue
from jobs.source.connection import Connection, Source
from jobs.tables.table import Table
from jobs.tracking import install
from jobs.tracking.ddl import Statement

# Categories of characters that steer a terminal, or the direction in which it writes.
_CONTROLS = ("Cc", "Cf", "Zl", "Zp")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_HEAD = """\
-- Written by `neaptide track --print`, for the owner of the tables to run: no superuser is needed. With psql:
--     psql -f THIS_FILE DATABASE
-- All of it happens, or nothing: where a table stays locked by others for some seconds it ends, and can be run again.
-- No table is rewritten. `neaptide untrack --print` says how all of it is taken away again.
"""
_REMOVING = "-- For the owner of the tables to run: no superuser is needed.\n"
_IN_PLACE = "-- Everything is in place.\n"


def script(job: Job, names: list[str], *, untrack: bool = False, role: str = "") -> str:
    """What `track` would run, or `untrack`, for somebody else to run; nothing is changed.

    With the GRANTs that `role` lacks; where none is given, those that the session's role does, if the tables aren't its
    own. Raises `errors.NotTracked` for a name with control characters, which would not show what they do, and
    `errors.UsageError` for a role that isn't there.
    """
    with Source.of_owner(job).connect(application=install.APPLICATION) as conn, conn.transaction():
        if untrack:
            removals = install.removing(job, conn, names)
            return _REMOVING + _written([("", removals)]) if removals else _IN_PLACE
        return _visit(job, conn, names, role)


def _visit(job: Job, conn: Connection, names: list[str], role: str) -> str:
    looked = catalogue.look(conn, job.settings, rights=False)
    for error in looked.failures.values():
        raise error
    tables = install.named(looked.tables, names)
    owners = install.ask(conn, "tables_in_place", relids=[table.relid for table in tables])
    [me] = install.ask(conn, "role")
    foreign = [row["owner"] for row in owners if not row["own"]]
    reader = _known(conn, role) if role else me["name"] if foreign else ""
    statements = install.lacking(conn, tables, foreign[0] if foreign else me["name"])
    parts = [(_about(table), lacking) for table, lacking in zip(tables, statements, strict=True) if lacking]
    things = frozenset(row["name"] for row in install.ask(conn, "things_in_place"))
    events = install.events_of(conn, tables, things, (one for lacking in statements for one in lacking))
    parts += [("Where whoever writes tells of it.", events)] if events else []
    logged = install.publishing_of(job, conn, tables, every=not names)
    parts += [("Which tables the server's log tells of.", logged)] if logged else []
    rights = _rights(conn, tables, reader) if reader else []
    if rights:
        parts.append((f"What {escapes.visible(reader)} needs to read.", rights))
    advice = "".join(f"-- {line}\n" for line in _advice(conn, tables, reader)) if reader else ""
    return (_HEAD + _written(parts) if parts else _IN_PLACE) + advice


def _about(table: Table) -> str:
    """One line on a table's statements."""
    keys = ", and the keys of deleted ones" if table.deletes.recorded else ""
    return f"{escapes.visible(table.source_name)}: what notes each written row{keys}."


def _written(parts: list[tuple[str, list[Statement]]]) -> str:
    """One transaction, and what can't be part of it."""
    lines = ["BEGIN;", *(f"{setting};" for setting in install.SETTINGS)]
    for about, value in parts:
        inside = [one.text for one in value if not one.alone]
        _check_readable(inside)
        lines += ["", f"-- {about}"] if about and inside else []
        lines += [f"{text};" for text in inside]
    lines += ["COMMIT;"]
    alone = [one.text for _, value in parts for one in value if one.alone]
    _check_readable(alone)
    lines += ["", "-- Built while others write, so this may take a while."] if alone else []
    return "\n".join([*lines, *(f"{text};" for text in alone), ""])


def _known(conn: Connection, role: str) -> str:
    """The role. Raises `errors.UsageError` with the nearest names where there is none."""
    names = [row["name"] for row in install.ask(conn, "readers")]
    if role in names:
        return role
    near = difflib.get_close_matches(role, names, n=2)
    hint = (
        f"did you mean {' or '.join(near)}?" if near else f"make it first: CREATE ROLE {quoting.readable(role)} LOGIN"
    )
    raise errors.UsageError(f"there is no role {role}", hint=hint)


def _rights(conn: Connection, tables: list[Table], role: str) -> list[Statement]:
    """The GRANTs that are missing: of what is there, and of what the statements before them make."""
    rows = install.ask(conn, "rights", relids=[table.relid for table in tables], role=role)
    schemas = {row["schema"] for row in rows if not row["reachable"]}
    relations = [(row["schema"], row["name"]) for row in rows if not row["readable"]]
    wanted = {"tombstone", "purge"} if any(table.deletes.recorded and table.mode.stamped for table in tables) else set()
    wanted |= {"outbox", "purge"} if any(table.from_events for table in tables) else set()
    if wanted:
        there = {(row["schema"], row["name"]) for row in rows}
        new = [("neaptide", name) for name in sorted(wanted, reverse=True) if ("neaptide", name) not in there]
        relations = [one for one in relations if one[0] != "neaptide" or one[1] in wanted]
        relations += new
        schemas |= {"neaptide"} if len(new) == len(wanted) else set()
    else:
        schemas, relations = schemas - {"neaptide"}, [one for one in relations if one[0] != "neaptide"]
    to = quoting.identifier(role)
    return [
        *(Statement(f"GRANT USAGE ON SCHEMA {quoting.identifier(schema)} TO {to}") for schema in sorted(schemas)),
        *(Statement(f"GRANT SELECT ON TABLE {quoting.qualified(*relation)} TO {to}") for relation in relations),
    ]


def _advice(conn: Connection, tables: list[Table], role: str) -> Iterator[str]:
    """What others than the owner have to give, as comments."""
    shown = quoting.identifier(role)
    rows: list[dict[str, Any]] = install.ask(conn, "rights", relids=[table.relid for table in tables], role=role)
    [stats] = install.ask(conn, "sees_sessions", role=role)
    if not all(one["logs_in"] for one in install.ask(conn, "readers") if one["name"] == role):
        yield f"{escapes.visible(role)} can't log in: who syncs has to be a member. GRANT {shown} TO …;"
    if any(row["filtered"] for row in rows):
        yield f"By a superuser, as row-level security would hide rows: ALTER ROLE {shown} BYPASSRLS;"
    if not stats["sees"] and any(table.mode.by_clock for table in tables):
        yield f"By a superuser, so that others' transactions slow no run: GRANT pg_read_all_stats TO {shown};"


def _check_readable(lines: list[str]) -> None:
    """A line break is ours unless it stands in a name."""
    for line in lines:
        names = "".join(_QUOTED.findall(line))
        bad = next((char for char in line.replace("\n", "") + names if unicodedata.category(char) in _CONTROLS), None)
        if bad is not None:
            raise errors.NotTracked(
                f"a name holds the control character {bad!a}, so the SQL would not show what it does",
                hint="rename it, or let `neaptide track` run the SQL itself",
            )
