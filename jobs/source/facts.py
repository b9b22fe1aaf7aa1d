"""What the source's catalogue says of some tables: keys, triggers, columns, types; and what was made of it before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app import config, errors, statements
from jobs.source import firing, states, together
from jobs.source.connection import Connection
from jobs.tables.table import Table
from jobs.types import column_plan
from jobs.types import info as type_info

Row = dict[str, Any]


class Memory:
    """What was worked out of the catalogue's answers, for a process that asks often: the same answers say the same."""

    def __init__(self) -> None:
        self.columns = column_plan.Known()
        self._tables: dict[int, tuple[Any, Table]] = {}

    def table(self, relid: int, facts: Any, make: Callable[[], Table]) -> Table:
        """The table that was made of the same facts last time, or a new one."""
        known = self._tables.get(relid)
        if known is None or known[0] != facts:
            known = self._tables[relid] = (facts, make())
        return known[1]

    def only(self, relids: Iterable[int]) -> None:
        """Forget all other tables."""
        self._tables = {relid: self._tables[relid] for relid in relids if relid in self._tables}


class Facts:
    """What the catalogue says of some tables, read by one query for each kind of fact."""

    def __init__(self, conn: Connection, relids: list[int], memory: Memory) -> None:
        self.memory = memory
        asked = ("keys", "unique_keys", "purge_readable")
        primary, unique, purge = together.ask(conn, asked, {"relids": relids})
        self.primary = {row["relid"]: row["columns"] for row in primary}
        self.firing = firing.read(conn, relids)
        self.unique: dict[int, list[set[str]]] = defaultdict(list)
        for row in unique:
            self.unique[row["relid"]].append(set(row["columns"]))
        self.purged = _purged(conn, relids) if any(row["readable"] for row in purge) else {}
        self.columns = memory.columns.read(conn, relids)
        oids = {oid for infos in self.columns.values() for info in infos for oid in type_info.made(info.type)}
        self._types = states.types(conn, oids)
        self._labels = _labels(conn, (info for infos in self.columns.values() for info in infos))

    def key(self, spec: config.Table, row: Row) -> tuple[str, ...]:
        """The key's columns in the source. Raises `errors.ConfigError` for one that lets two rows, or a NULL, through.

        A unique index of a table does not reach the tables that inherit from it, so such a table has no key.
        """
        if spec.key is not None and set(spec.key) not in self.unique[row["relid"]]:
            raise errors.ConfigError(
                f"{spec.name}: no unique index on NOT NULL columns makes ({', '.join(spec.key)}) a key",
                hint="make one on the source, or name another key",
            )
        if row["kind"] == "r" and self.firing.parts.get(row["relid"]):
            return ()
        return tuple(spec.key or self.primary.get(row["relid"], ()))

    def of(self, row: Row) -> tuple[Any, ...]:
        """All that is known of one table, in a form that can be compared."""
        relid = row["relid"]
        infos = self.columns[relid]
        return (
            row, self.primary.get(relid), self.firing.parts.get(relid), self.unique[relid],
            self.firing.triggers.get(relid), self.firing.leaves.get(relid), self.purged.get(relid), infos,
            self.type_states(infos), self.labels(infos),
        )  # fmt: skip

    def labels(self, infos: Iterable[column_plan.ColumnInfo]) -> dict[str, dict[str, str]]:
        """The labels of the enums that these columns hold, by oids."""
        kinds = sorted({str(oid) for info in infos for oid in type_info.made(info.type)})
        return {kind: self._labels.get(kind, {}) for kind in kinds}

    def type_states(self, infos: Iterable[column_plan.ColumnInfo]) -> dict[int, str]:
        """The state of the types that these columns hold and somebody can alter, by oid."""
        return {oid: self._types[oid] for info in infos for oid in type_info.made(info.type)}


def _labels(conn: Connection, infos: Iterable[column_plan.ColumnInfo]) -> Mapping[str, dict[str, str]]:
    oids = sorted({oid for info in infos for oid in type_info.made(info.type)})
    if not oids:
        return {}
    rows = conn.execute(statements.get("catalogue", "labels"), {"oids": oids})
    return {row["kind"]: row["labels"] for row in rows}


def _purged(conn: Connection, relids: list[int]) -> dict[int, int]:
    """Up to which transaction each table's tombstones may have been deleted already."""
    rows = conn.execute(statements.get("catalogue", "purged"), {"relids": relids})
    return {row["relid"]: row["xid"] for row in rows}
