"""The statements that have the log tell of tables, or no longer: a publication of the target's, and its slot.

The tables are locked while they are added, as they are for a trigger: what a transaction wrote before that has ended
when the table is in, so nothing of it is missing from the stream. Nothing is added to the tables themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from app import errors, statements
from jobs import quoting
from jobs.source import slots
from jobs.source.connection import Connection
from jobs.source.slots import Slot
from jobs.tables import published
from jobs.tables.published import Publication
from jobs.tables.table import Table
from jobs.tracking.ddl import Statement

# Named, whatever a later version takes for their defaults.
_OPTIONS = "publish = 'insert, update, delete, truncate', publish_via_partition_root = false"
# From this version on PostgreSQL refuses an UPDATE of a published table whose identity holds a generated column, unless
# the publication tells of these.
_GENERATES = 180000
# From this version on one can wait for the end of a session.
_WAITS = 140000


def installing(
    conn: Connection, name: str, tables: Sequence[Table], *, every: bool, warn: Callable[[str], None]
) -> list[Statement]:
    """What is missing for the log to tell of these tables; with `every`, others are taken out.

    Raises `errors.NotTracked` for a table whose rows the log can't tell apart, and a server that keeps no such log.
    """
    wanted = [table for table in tables if table.mode.from_log]
    members = _members(conn, name)
    if not wanted and every:
        return _abandoned(conn, name)
    if not wanted and not members:
        return []
    publication, slot = slots.publication(conn, name, wanted), slots.read(conn, name)
    _check(publication, slot, wanted)
    creation = _slot(conn, slot) if wanted else []
    if creation:
        _warn(conn, slot, warn)
    return [*_publishing(conn, publication, wanted), *_others(members, name, wanted, tables, every=every), *creation]


def removing(conn: Connection, name: str, tables: Sequence[Table]) -> list[Statement]:
    """What takes these tables out of the publication; the slot goes first where none is left."""
    members = {row["relid"] for row in _members(conn, name)}
    gone = [table for table in tables if table.relid in members]
    if not gone:
        return []
    if members <= {table.relid for table in gone}:
        return [*_dropping(conn, name), _dropped(name)]
    return [_altered(name, "DROP", [table.quoted for table in gone])]


def removing_all(conn: Connection) -> list[Statement]:
    """What takes away every slot and publication of Neaptide's in the database, the slots first."""
    names = [row["name"] for row in conn.execute(statements.get("wal", "slots"))]
    publications = [row["name"] for row in conn.execute(statements.get("wal", "publications"))]
    return [*(one for name in names for one in _dropping(conn, name)), *map(_dropped, publications)]


def _abandoned(conn: Connection, name: str) -> list[Statement]:
    """What takes away the slot and the publication that no table needs: nobody would confirm what the slot holds."""
    there = {row["name"] for block in ("slots", "publications") for row in conn.execute(statements.get("wal", block))}
    return [*_dropping(conn, name), _dropped(name)] if name in there else []


def _members(conn: Connection, name: str) -> list[dict[str, Any]]:
    return conn.execute(statements.get("wal", "members"), {"name": name}).fetchall()


def _dropping(conn: Connection, name: str) -> list[Statement]:
    """What drops a slot, which holds the server's log until then; whoever reads from it is ended."""
    which = f"FROM pg_replication_slots WHERE slot_name = {quoting.literal(name)}"
    patience = ", 5000" if conn.info.server_version >= _WAITS else ""
    return [
        Statement(f"SELECT pg_terminate_backend(active_pid{patience}) {which} AND active"),
        Statement(f"SELECT pg_drop_replication_slot(slot_name) {which}"),
    ]


def _check(publication: Publication, slot: Slot, wanted: Sequence[Table]) -> None:
    if wanted and slot.wal_level != "logical":
        raise slots.level_error(slot.wal_level)
    for table in wanted:
        lack = published.unfit(table, publication)
        if lack:
            raise errors.NotTracked(lack, hint="change the table's entry in config.toml")


def _warn(conn: Connection, slot: Slot, warn: Callable[[str], None]) -> None:
    if slot.keep == "-1":
        warn(
            "warning: while no sync runs, the server keeps its log for the slot, without bound: set"
            " max_slot_wal_keep_size on the server, beyond which the slot is lost and its tables are copied anew"
        )
    row = conn.execute(statements.get("wal", "writers")).fetchone()
    if row and row["running"]:
        warn(f"the slot is ready once the {row['running']} transactions have ended that are writing now")


def _publishing(conn: Connection, publication: Publication, wanted: Sequence[Table]) -> list[Statement]:
    if not wanted:
        return []
    name = quoting.identifier(publication.name)
    options = _OPTIONS + (", publish_generated_columns = stored" if conn.info.server_version >= _GENERATES else "")
    of_all = {row["name"]: row["of_all"] for row in conn.execute(statements.get("wal", "publications"))}
    if of_all.get(publication.name, True):
        # From one of all tables none can be taken out, and the owner of one without a key can't update it.
        dropped = [_dropped(publication.name)] if publication.name in of_all else []
        return [*dropped, Statement(f"CREATE PUBLICATION {name} WITH ({options})"), *_adding(publication.name, wanted)]
    partly = [table for table in wanted if table.relid in publication.versions and not publication.tells_all(table)]
    missing = [table for table in wanted if table.relid not in publication.versions or table in partly]
    mended = [_altered(publication.name, "DROP", [table.quoted for table in partly])] if partly else []
    altered = [Statement(f"ALTER PUBLICATION {name} SET ({options})")] if partly else []
    return [*altered, *mended, *_adding(publication.name, missing)]


def _adding(name: str, tables: Sequence[Table]) -> list[Statement]:
    if not tables:
        return []
    quoted = [table.quoted for table in tables]
    return [Statement(f"LOCK TABLE {', '.join(quoted)} IN SHARE ROW EXCLUSIVE MODE"), _altered(name, "ADD", quoted)]


def _others(
    members: Iterable[dict[str, Any]], name: str, wanted: Iterable[Table], tables: Iterable[Table], *, every: bool
) -> list[Statement]:
    """Tables that are followed in another way now, or, with `every`, not at all: the stream need not tell of them."""
    followed, asked = {table.relid for table in wanted}, {table.relid for table in tables}
    gone = [row["quoted"] for row in members if row["relid"] not in followed and (every or row["relid"] in asked)]
    return [_altered(name, "DROP", gone)] if gone else []


def _slot(conn: Connection, slot: Slot) -> list[Statement]:
    if slot.there and slot.ours and not slot.lost:
        return []
    statement = Statement(slots.making(slot.name, conn.info.server_version), alone=True)
    return [*(_dropping(conn, slot.name) if slot.there else []), statement]


def _altered(name: str, verb: str, tables: Sequence[str]) -> Statement:
    return Statement(f"ALTER PUBLICATION {quoting.identifier(name)} {verb} TABLE {', '.join(tables)}")


def _dropped(name: str) -> Statement:
    return Statement(f"DROP PUBLICATION IF EXISTS {quoting.identifier(name)}")
