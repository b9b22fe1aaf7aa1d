"""Installs on the source what the watermark modes need, and takes it away again.

Everything lies in the schema `neaptide` but the triggers, a stamp column and its index. Functions are made per table:
a fixed statement is planned once per session, where a generic one would be parsed on every delete.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from app import errors, statements
from jobs import catalogue, quoting
from jobs.catalogue import Table
from jobs.job import Job
from jobs.source import Connection, translated

STAMP, DELETE, KEY, TRUNCATE = "zz_neaptide_stamp", "neaptide_delete", "neaptide_key", "neaptide_truncate"
TRIGGERS = (STAMP, DELETE, KEY, TRUNCATE)
LOCK_TIMEOUT = "3s"


def track(job: Job, names: list[str]) -> list[str]:
    """Install what the tables need, all in one transaction; returns the statements. Safe to repeat.

    Raises `errors.SourceTimeout` if a table stays locked by others for longer than `LOCK_TIMEOUT`.
    """
    return _run(job, names, install)


def untrack(job: Job, names: list[str]) -> list[str]:
    """Remove every trigger and function of the tables; with no names, of all, and the schema with them."""
    found = _run(job, names, remove)
    if not names:
        found += _execute(job, _statements("remove_schema"))
    return found


def script(job: Job, names: list[str], *, untrack: bool = False) -> str:
    """The same as SQL for somebody else to run; nothing is changed."""
    with job.source.connect(application="neaptide track") as conn, conn.transaction():
        found = [line for table in _tables(job, conn, names) for line in (remove if untrack else install)(table)]
    if untrack and not names:
        found += _statements("remove_schema")
    lines = ["BEGIN;", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';", *found, "COMMIT;"]
    return "\n".join(line if line.endswith(";") else f"{line};" for line in lines) + "\n"


def _run(job: Job, names: list[str], build: object) -> list[str]:
    assert callable(build)
    with job.source.connect(application="neaptide track") as conn, conn.transaction():
        lines = [line for table in _tables(job, conn, names) for line in build(table)]
    return _execute(job, list(dict.fromkeys(lines)))


def _execute(job: Job, lines: list[str]) -> list[str]:
    with translated(), psycopg.connect(job.source.conninfo("neaptide track")) as conn:
        conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        # Two who track at once would race for the same names.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('neaptide track'))")
        for line in lines:
            conn.execute(line.encode())
    return lines


def _tables(job: Job, conn: Connection, names: Iterable[str]) -> list[Table]:
    found = catalogue.read(conn, job.settings.tables)
    wanted = list(names) or [table.name for table in found]
    unknown = sorted(set(wanted) - {table.name for table in found})
    if unknown:
        raise errors.ConfigError(f"{unknown[0]} is not among the [[tables]] of the config")
    return [table for table in found if table.name in wanted]


def install(table: Table) -> list[str]:
    """The statements that make a table ready for its modes; what it already has is used as it is."""
    if table.spec.watermark == "none":
        return []
    if not table.key:
        raise errors.NotTracked(
            f"{table.name} has no primary key", hint='name a unique key in the config, or set watermark = "none"'
        )
    found = [] if _stamped_by_itself(table) else _stamp(table)
    if table.spec.deletes == "tombstone":
        found += [*_statements("tombstone_table"), *_tombstones(table)]
    return found


def remove(table: Table) -> list[str]:
    """The statements that remove the triggers and functions; a stamp column stays, it may be in use."""
    dropped = [f"DROP TRIGGER IF EXISTS {quoting.identifier(name)} ON {table.quoted}" for name in TRIGGERS]
    functions = [_function(kind, table) for kind in ("stamp", "deleted", "key", "deleted_row", "truncated")]
    return dropped + [f"DROP FUNCTION IF EXISTS {name}()" for name in functions]


def _stamped_by_itself(table: Table) -> bool:
    """The table has a stamp that a trigger of its owner's keeps."""
    others = tuple(trigger for trigger in table.triggers if trigger.schema != "neaptide")
    stamp = table.stamp
    return stamp is not None and catalogue.stamped(others, stamp)


def _stamp(table: Table) -> list[str]:
    mode = table.spec.watermark
    column = quoting.identifier(catalogue.stamp_column(table.spec, table.infos))
    value, kind = ("pg_current_xact_id()", "xid8") if mode == "xid" else ("clock_timestamp()", "timestamptz")
    function = _function("stamp", table)
    return [
        *_statements("tombstone_table")[:1],
        f"ALTER TABLE {table.quoted} ADD COLUMN IF NOT EXISTS {column} {kind} NOT NULL DEFAULT {value}",
        f"CREATE INDEX IF NOT EXISTS {quoting.identifier(f'neaptide_stamp_{table.relid}')} ON {table.quoted} ({column})",
        _plpgsql(function, f"NEW.{column} := {value}; RETURN NEW;", definer=False),
        # Its name sorts last: the last BEFORE trigger has the last word on the stamp.
        *_trigger(table, STAMP, "BEFORE INSERT OR UPDATE", "FOR EACH ROW", function),
    ]


def _tombstones(table: Table) -> list[str]:
    old = ", ".join(f"OLD.{quoting.identifier(name)}" for name in table.key)
    gone = ", ".join(f"gone.{quoting.identifier(name)}" for name in table.key)
    key, deleted, truncated = (_function(kind, table) for kind in ("key", "deleted", "truncated"))
    one = f"{_insert(table)} VALUES ({table.relid}, jsonb_build_array({old})); RETURN NULL;"
    many = f"{_insert(table)} SELECT {table.relid}, jsonb_build_array({gone}) FROM gone; RETURN NULL;"
    # A row that moves to another partition fires only row triggers, so partitioned tables need those for deletes too.
    rows = table.kind == catalogue.PARTITIONED
    on_delete = (key, "FOR EACH ROW") if rows else (deleted, "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT")
    return [
        _plpgsql(key, one, definer=True),
        *([] if rows else [_plpgsql(deleted, many, definer=True)]),
        _plpgsql(truncated, f"{_insert(table)} VALUES ({table.relid}, NULL); RETURN NULL;", definer=True),
        *_trigger(table, DELETE, "AFTER DELETE", on_delete[1], on_delete[0]),
        *_trigger(table, KEY, "AFTER UPDATE", f"FOR EACH ROW WHEN ({_key_changes(table)})", key),
        *_trigger(table, TRUNCATE, "AFTER TRUNCATE", "FOR EACH STATEMENT", truncated),
    ]


def _key_changes(table: Table) -> str:
    """1.0 and 1.00, or two spellings that a collation calls equal, are two keys in the file."""
    columns = [(quoting.identifier(plan.name), "" if plan.same_equality else "::text") for plan in table.key_plans()]
    return " OR ".join(f"OLD.{name}{cast} IS DISTINCT FROM NEW.{name}{cast}" for name, cast in columns)


def _trigger(table: Table, name: str, when: str, how: str, function: str) -> list[str]:
    """ALWAYS: also where changes come in by logical replication or with session_replication_role = replica."""
    quoted = quoting.identifier(name)
    return [
        f"CREATE OR REPLACE TRIGGER {quoted} {when} ON {table.quoted} {how} EXECUTE FUNCTION {function}()",
        f"ALTER TABLE {table.quoted} ENABLE ALWAYS TRIGGER {quoted}",
    ]


def _plpgsql(function: str, body: str, *, definer: bool) -> str:
    """Writers need no right on the schema neaptide: what writes to it runs as its owner, with a fixed search path."""
    safety = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp " if definer else ""
    return f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql {safety}AS $$ BEGIN {body} END $$"


def _insert(table: Table) -> str:
    return "INSERT INTO neaptide.tombstone (relid, key)"


def _function(kind: str, table: Table) -> str:
    return f"neaptide.{kind}_{table.relid}"


def _statements(block: str) -> list[str]:
    lines = "\n".join(line for line in statements.get("track", block).splitlines() if not line.startswith("--"))
    return [line.strip() for line in lines.split(";") if line.strip()]
