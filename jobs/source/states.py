"""What can change of a run's tables while they are read, although they are locked: types, children, functions."""

from __future__ import annotations

from collections.abc import Iterable

from app import errors, statements
from jobs.job import Job
from jobs.source import condition
from jobs.source.connection import Connection, Source
from jobs.tables.origin import PARTITIONED, VIEW
from jobs.tables.table import Table


def check(job: Job, seen: Connection, wanted: Iterable[Table]) -> None:
    """Raise `errors.SchemaMoving` where something is not as it was in the snapshot, which `seen` has.

    Tables are locked while they are read. Types can't be, and their values are read as they are spelled at the moment;
    nor is a table kept from getting another partition, whose rows are then read along, by views of it, too. One without
    children is read alone (`Table.rows_from`).
    """
    tables = list(wanted)
    before = {oid: state for table in tables for oid, state in table.type_states.items()}
    children = {table.relid: table.parts for table in tables if table.kind == PARTITIONED or table.parts}
    views = [table.relid for table in tables if table.kind == VIEW]
    calling = [table for table in tables if table.filtering.version]
    if not before and not children and not views and not calling:
        return
    with Source.of(job).connect(application="neaptide types") as conn:
        if types(conn, before) != before:
            raise errors.SchemaMoving("a type was changed while its values were read")
        now = parts(conn, list(children)) if children else {}
        if any(tuple(now.get(relid, ())) != was for relid, was in children.items()):
            raise errors.SchemaMoving("a partition was attached or detached while its table was read")
        if views and _below(conn, views) != _below(seen, views):
            raise errors.SchemaMoving("a table below a view got or lost a child while the view was read")
        if any(condition.version(conn, table.filtering.names) != table.filtering.version for table in calling):
            raise errors.SchemaMoving("a function was changed while where picked rows by it")


def parts(conn: Connection, relids: list[int]) -> dict[int, list[str]]:
    """The partitions and children of these tables, each as one text, by the tables' oids."""
    rows = conn.execute(statements.get("catalogue", "partitions"), {"relids": relids})
    return {row["relid"]: row["states"] for row in rows}


def types(conn: Connection, oids: Iterable[int]) -> dict[int, str]:
    """What anybody can alter of these types, each as one text."""
    given = sorted(oids)
    if not given:
        return {}
    rows = conn.execute(statements.get("catalogue", "type_states"), {"oids": given})
    return {row["oid"]: row["state"] for row in rows}


def _below(conn: Connection, views: list[int]) -> list[int]:
    """The relations that these views read, whatever inherits from one included."""
    return [row["relid"] for row in conn.execute(statements.get("catalogue", "below_views"), {"relids": views})]
