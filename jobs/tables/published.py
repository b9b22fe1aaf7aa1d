"""Whether the log tells which rows of a table changed: its publication, and what identifies its rows there. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.tables import tracked
from jobs.tables.origin import PARTITIONED
from jobs.tables.table import Table


@dataclass(frozen=True)
class Part:
    """A table, or a partition of it: `identity` are the columns by which the log tells its rows apart.

    `attached` changes when a partition is attached, and is empty of the table itself. With a `generated` column in the
    identity, the log has to tell of such, and it never does of a `computed` one, which is not stored.
    """

    relid: int
    name: str
    kind: str
    persistence: str
    identity: frozenset[str]
    attached: str = ""
    generated: bool = False
    computed: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Part:
        """From a row of sql/sync/wal.sql."""
        identity = frozenset(row["identity"] or ())
        return cls(
            row["relid"], row["name"], row["kind"], row["persistence"], identity, row["attached"] or "",
            bool(row["generated"]), bool(row["computed"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Publication:
    """What a publication is found to hold: versions by the table's oid, of those that are published `whole`.

    `parts` are each table's, itself included, by the table's oid. `generated`: it tells of generated columns, too.
    """

    name: str
    versions: Mapping[int, str] = field(default_factory=dict)
    whole: frozenset[int] = frozenset()
    parts: Mapping[int, tuple[Part, ...]] = field(default_factory=dict)
    generated: bool = False

    @classmethod
    def of(cls, name: str, members: Iterable[dict[str, Any]], parts: Iterable[dict[str, Any]]) -> Publication:
        """From the rows of sql/sync/wal.sql."""
        by_table: dict[int, tuple[Part, ...]] = {}
        for row in parts:
            by_table[row["root"]] = (*by_table.get(row["root"], ()), Part.of(row))
        given = list(members)
        whole = frozenset(row["relid"] for row in given if row["whole"])
        generated = any(row["generated"] for row in given)
        return cls(name, {row["relid"]: row["version"] for row in given}, whole, by_table, generated)

    def version(self, table: Table) -> str:
        """What changes when a table, or a partition of it, was for a while not in it."""
        entry = self.versions.get(table.relid, "")
        attached = sorted((part.relid, part.attached) for part in self.parts.get(table.relid, ()) if part.attached)
        return f"{entry}/{hashlib.blake2b(repr(attached).encode(), digest_size=8).hexdigest()}" if attached else entry

    def holders(self, table: Table) -> list[int]:
        """The oids under which the log names the table's rows."""
        return [part.relid for part in self.parts.get(table.relid, ()) if part.kind != PARTITIONED]

    def tells_all(self, table: Table) -> bool:
        """Whether it tells of whatever happens to a table that it holds."""
        generated = any(part.generated for part in self.parts.get(table.relid, ()))
        return table.relid in self.whole and (self.generated or not generated)

    def lack(self, table: Table) -> str | None:
        """What the table lacks for its changes to be told, as a sentence, or None."""
        if table.relid not in self.versions:
            return unfit(table, self) or f"{table.source_name} is not in the publication {self.name}"
        if not self.tells_all(table):
            return f"the publication {self.name} does not tell all that happens to {table.source_name}"
        return unfit(table, self)

    def checked(self, table: Table) -> Table:
        """The table with what it lacks."""
        return replace(table, lack=self.lack(table)) if table.mode.from_log else table


def unfit(table: Table, publication: Publication) -> str | None:
    """Why the log can never tell its rows apart, as a sentence, or None.

    PostgreSQL refuses every UPDATE and DELETE of a published table whose rows nothing identifies, so such a one must
    never be published.
    """
    lack = tracked.unfit(table)
    if lack:
        return lack
    for part in publication.parts.get(table.relid, ()):
        if part.persistence != "p":
            return (
                f'{part.name} is unlogged, so its changes are in no log: set feed = "watermark" for {table.source_name}'
            )
        if part.computed:
            return (
                f"the replica identity of {part.name} holds a generated column that is not stored, and PostgreSQL"
                f' refuses to update it where it is published: set feed = "watermark" for {table.source_name}'
            )
        if not set(table.source_key) <= part.identity:
            return (
                f"the replica identity of {part.name} does not hold the key ({', '.join(table.source_key)}):"
                " ALTER TABLE … REPLICA IDENTITY DEFAULT where that is its primary key, else USING INDEX, or set"
                f' feed = "watermark" for {table.source_name}'
            )
    return None
