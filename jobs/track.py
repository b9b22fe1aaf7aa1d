"""Installs on the source what the watermark modes need, and takes it away again.

Everything lies in the schema `neaptide` but the triggers, a stamp column and its index. Functions are made per table:
a fixed statement is planned once per session, where a generic one would be parsed on every delete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app import errors, statements
from jobs import catalogue, keys, quoting, triggers, types
from jobs.catalogue import Table
from jobs.job import Job
from jobs.source import Connection, translated

STAMP, XID = "zz_neaptide_stamp", "zz_neaptide_xid"
DELETE, KEY, TRUNCATE = "neaptide_delete", "neaptide_key", "neaptide_truncate"
TRIGGERS = (STAMP, XID, DELETE, KEY, TRUNCATE)
LOCK_TIMEOUT = "3s"
# Bytes of a table from which on its index is built without holding up writers.
BIG = 64 * 2**20
_CONCURRENTLY = "CONCURRENTLY"
_ADDED = "Added by neaptide track; neaptide untrack removes it"

# What a key's text form hangs on in the deleting session. Types outside the list below are recorded as text.
_TEXT_SETTINGS = ("intervalstyle", "timezone", "extra_float_digits", "bytea_output", "xmlbinary")


@dataclass(frozen=True)
class Installed:
    """What is there already. A trigger counts if it fires ALWAYS; marks are the comments that `_marked` writes."""

    triggers: frozenset[tuple[int, str, str]] = frozenset()
    functions: frozenset[tuple[str, str, str]] = frozenset()
    indexes: frozenset[tuple[int, str, str, str]] = frozenset()
    tables: bool = False
    bytes: dict[int, int] = field(default_factory=dict)


Build = Callable[[Table, Installed], list[str]]


def track(job: Job, names: list[str]) -> list[str]:
    """Install what the tables need, all in one transaction; returns the statements. What is in place isn't touched.

    Raises `errors.SourceTimeout` if a table stays locked by others for longer than `LOCK_TIMEOUT`.
    """
    return _execute(job, _lines(job, names, install))


def untrack(job: Job, names: list[str]) -> list[str]:
    """Remove from the tables what `track` put there: triggers, functions, indexes, and columns that it added.

    With no names from every table of the database, whatever the config says of it, and the schema with it.
    """
    return _execute(job, _removal(job, names))


def script(job: Job, names: list[str], *, untrack: bool = False) -> str:
    """The same as SQL for somebody else to run; nothing is changed."""
    found = _removal(job, names) if untrack else _lines(job, names, install)
    if not found:
        return "-- Everything is in place.\n"
    inside, after = _parted(found)
    lines = ["BEGIN;", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';", *inside, "COMMIT;", *after]
    return "\n".join(line if line.endswith(";") else f"{line};" for line in lines) + "\n"


def _lines(job: Job, names: list[str], build: Build) -> list[str]:
    with job.source.connect(application="neaptide track") as conn, conn.transaction():
        tables = _tables(job, conn, names)
        have = _installed(conn, tables)
        return list(dict.fromkeys(line for table in tables for line in build(table, have)))


def _execute(job: Job, lines: list[str]) -> list[str]:
    if not lines:
        return []
    inside, after = _parted(lines)
    with translated(), job.source.open("neaptide track") as conn, conn.transaction():
        conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        # Two who track at once would race for the same names.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('neaptide track'))")
        for line in inside:
            conn.execute(line.encode())
    _execute_alone(job, after)
    return lines


def _execute_alone(job: Job, lines: list[str]) -> None:
    """Indexes that are built while others write can't be part of a transaction, and take their time."""
    if not lines:
        return
    with translated(), job.source.open("neaptide track") as conn:
        conn.execute("SET lock_timeout = 0")
        conn.execute("SET statement_timeout = 0")
        for line in lines:
            conn.execute(line.encode())


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """The statements of the transaction, and those that come after it."""
    return [one for one in lines if _CONCURRENTLY not in one], [one for one in lines if _CONCURRENTLY in one]


def _tables(job: Job, conn: Connection, names: Iterable[str]) -> list[Table]:
    return _named(catalogue.read(conn, job.settings), names)


def _named(found: list[Table], names: Iterable[str]) -> list[Table]:
    wanted = list(names) or [table.source_name for table in found]
    unknown = sorted(set(wanted) - {name for table in found for name in (table.source_name, table.name)})
    if unknown:
        raise errors.ConfigError(f"{unknown[0]} is not among the [[tables]] of the config")
    return [table for table in found if table.source_name in wanted or table.name in wanted]


def _installed(conn: Connection, tables: list[Table]) -> Installed:
    given = {"relids": [table.relid for table in tables]}
    rows = {name: conn.execute(statements.get("track", name), given).fetchall() for name in _LOOKUPS}
    return Installed(
        frozenset((row["relid"], row["name"], row["mark"]) for row in rows["triggers_in_place"]),
        frozenset((row["name"], row["mark"], row["source"]) for row in rows["functions_in_place"]),
        frozenset((row["relid"], row["column"], row["name"], row["method"]) for row in rows["indexes_in_place"]),
        rows["tables_in_place"][0]["there"],
        {row["relid"]: row["bytes"] for row in rows["sizes"]},
    )


_LOOKUPS = ("triggers_in_place", "functions_in_place", "indexes_in_place", "tables_in_place", "sizes")


def install(table: Table, have: Installed) -> list[str]:
    """The statements that make a table ready for its modes; what it already has is used as it is."""
    if table.spec.watermark == "none":
        return []
    lack = catalogue.unfit(table)
    if lack:
        raise errors.NotTracked(lack, hint="change the table's entry in config.toml")
    found = _Install(table, have)
    if not _stamped_by_itself(table):
        found.stamp()
    found.index()
    if table.spec.deletes == "tombstone":
        found.tombstones()
    return [*([] if have.tables or not found.uses_schema else _statements("tombstone_table")), *found.lines]


def _removal(job: Job, names: list[str]) -> list[str]:
    with job.source.connect(application="neaptide track") as conn, conn.transaction():
        tables = _named(catalogue.look(conn, job.settings).tables, names) if names else []
        given = {"relids": [table.relid for table in tables], "mark": _ADDED}
        rows = conn.execute(statements.get("track", "traces"), given).fetchall()
    kinds = ("stamp", "xid", "deleted", "key", "truncated")
    functions = [f"DROP FUNCTION IF EXISTS neaptide.{_function(kind, table)}()" for table in tables for kind in kinds]
    return [_dropped(row) for row in rows] + (functions if names else _statements("remove_schema"))


def _dropped(row: dict[str, str]) -> str:
    name, table = quoting.identifier(row["name"]), quoting.qualified(row["schema"], row["relation"])
    return {
        "trigger": f"DROP TRIGGER IF EXISTS {name} ON {table}",
        "index": f"DROP INDEX IF EXISTS {quoting.qualified(row['schema'], row['name'])}",
        "column": f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name}",
    }[row["kind"]]


def _stamped_by_itself(table: Table) -> bool:
    """The table has a stamp that a trigger of its owner's keeps, also in a session that replicates."""
    stamp = table.stamp
    if stamp is None:
        return False
    others = [trigger for trigger in table.triggers if trigger.schema != triggers.OURS]
    return triggers.stamped(others, stamp.column) and all(t.always for t in others if t.assigns(stamp.column))


class _Install:
    """Gathers the statements for one table."""

    def __init__(self, table: Table, have: Installed) -> None:
        self.table, self.have = table, have
        self.lines: list[str] = []
        self.uses_schema = False

    @property
    def column(self) -> str:
        return catalogue.stamp_column(self.table.spec, self.table.infos)

    def stamp(self) -> None:
        """The column, and the trigger that keeps it."""
        by_xid = self.table.spec.watermark == "xid"
        value = "pg_current_xact_id()" if by_xid else "clock_timestamp()"
        column, table = quoting.identifier(self.column), self.table.quoted
        if self.table.stamp is None:
            # One value for all rows that are there: PostgreSQL then rewrites none of them.
            kind = "xid8 NOT NULL DEFAULT '0'" if by_xid else "timestamptz NOT NULL DEFAULT now()"
            self.lines += [
                f"ALTER TABLE {table} ADD COLUMN {column} {kind}",
                f"COMMENT ON COLUMN {table}.{column} IS '{_ADDED}'",
            ]
        function = self.function("xid" if by_xid else "stamp", f"NEW.{column} := {value}; RETURN NEW;")
        # Its name sorts last: the last BEFORE trigger has the last word on the stamp.
        self.trigger(XID if by_xid else STAMP, "BEFORE INSERT OR UPDATE", "FOR EACH ROW", function)

    def index(self) -> None:
        """An index that begins with the stamp; its owner's, of any kind, will do. Ours is of the kind asked for."""
        table, wanted = self.table, self.table.spec.index
        name = f"neaptide_{table.spec.watermark}_{table.relid}"
        place = (table.relid, self.column)
        found = {index: method for relid, column, index, method in self.have.indexes if (relid, column) == place}
        ours = found.pop(name, None)
        if ours and ours != wanted:
            self.lines.append(f"DROP INDEX {quoting.qualified(table.schema, name)}")
        if wanted not in ("none", ours) and not found:
            using, options = ("USING brin ", _BRIN) if wanted == "brin" else ("", "")
            on = f"{table.quoted} {using}({quoting.identifier(self.column)}){options}"
            # A big table's is built while others write. One that was cut short is left behind and of no use.
            alone = f"{_CONCURRENTLY} " if self.have.bytes.get(table.relid, 0) > BIG and table.kind == "r" else ""
            self.lines += [
                f"DROP INDEX {alone}IF EXISTS {quoting.qualified(table.schema, name)}",
                f"CREATE INDEX {alone}{quoting.identifier(name)} ON {on}",
            ]

    def tombstones(self) -> None:
        """The triggers that record the keys of rows that go."""
        into = f"INSERT INTO neaptide.tombstone (relid, key) %s {self.table.relid}, %s"
        settings = _text_settings(self.table)
        one = into % ("VALUES (", f"{keys.recorded('OLD', self.table.key_infos())}); RETURN NULL;")
        many = into % ("SELECT", f"{keys.recorded('gone', self.table.key_infos())} FROM gone; RETURN NULL;")
        key = self.function("key", one, settings)
        if self.table.row_deletes:
            self.trigger(DELETE, "AFTER DELETE", "FOR EACH ROW", key)
        else:
            deleted = self.function("deleted", many, settings)
            self.trigger(DELETE, "AFTER DELETE", "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT", deleted)
        self.trigger(
            KEY,
            _after_update(self.table),
            f"FOR EACH ROW WHEN ({keys.changed(self.table.key_infos(), self.table.key_plans())})",
            key,
        )
        truncated = self.function("truncated", into % ("VALUES (", "NULL); RETURN NULL;"), _DEFINER)
        self.trigger(TRUNCATE, "AFTER TRUNCATE", "FOR EACH STATEMENT", truncated)

    def function(self, kind: str, body: str, settings: str = "") -> str:
        """Its quoted name; the statements that make it are added where it isn't there as it should be."""
        self.uses_schema = True
        name, source = _function(kind, self.table), f" BEGIN {body} END "
        head = f"CREATE OR REPLACE FUNCTION neaptide.{name}() RETURNS trigger LANGUAGE plpgsql"
        line = f"{head} {settings}AS $${source}$$"
        if (name, _mark(line), source) not in self.have.functions:
            self.lines += [line, f"COMMENT ON FUNCTION neaptide.{name}() IS '{_mark(line)}'"]
        return f"neaptide.{name}"

    def trigger(self, name: str, when: str, how: str, function: str) -> None:
        """ALWAYS: also where changes come in by logical replication or with session_replication_role = replica."""
        quoted, table = quoting.identifier(name), self.table.quoted
        line = f"CREATE OR REPLACE TRIGGER {quoted} {when} ON {table} {how} EXECUTE FUNCTION {function}()"
        if (self.table.relid, name, _mark(line)) not in self.have.triggers:
            self.lines += [
                line,
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quoted}",
                f"COMMENT ON TRIGGER {quoted} ON {table} IS '{_mark(line)}'",
            ]


# Small ranges: rows that changed lie scattered, and each range that holds one is read whole.
_BRIN = " WITH (pages_per_range = 4, autosummarize = on)"

# Writers need no right on the schema neaptide: what writes to it runs as its owner, with a fixed search path.
_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp "


def _text_settings(table: Table) -> str:
    """The same text in every session; costs a little per call, so only where a key needs it."""
    if all(map(keys.same_in_json, table.key_infos())):
        return _DEFINER
    exact = "".join(f"SET {name} = {quoting.literal(types.READER_SETTINGS[name])} " for name in _TEXT_SETTINGS)
    return f"{_DEFINER}SET datestyle = {types.READER_SETTINGS['datestyle']} {exact}"


def _after_update(table: Table) -> str:
    """Looking at both keys costs an update as much as its stamp: only one that names the key is, where that will do."""
    if table.row_deletes or triggers.may_change(table.triggers, table.source_key):
        return "AFTER UPDATE"
    return f"AFTER UPDATE OF {quoting.listed(table.source_key)}"


def _mark(line: str) -> str:
    """What tells a later `track` that the thing was made by this very statement."""
    return f"Neaptide {hashlib.sha256(line.encode()).hexdigest()[:16]}"


def _function(kind: str, table: Table) -> str:
    return f"{kind}_{table.relid}"


def _statements(block: str) -> list[str]:
    lines = "\n".join(line for line in statements.get("track", block).splitlines() if not line.startswith("--"))
    return [line.strip() for line in lines.split(";") if line.strip()]
