"""A relation of the source as PostgreSQL has it, whatever the config wants of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from jobs import quoting
from jobs.tables.triggers import Leaf, Trigger
from jobs.types.column_plan import ColumnInfo

PARTITIONED, VIEW = "p", "v"
# What holds rows of its own: tables, and those of partitions.
ORDINARY = "rp"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A relation with all its columns. `kind` is pg_class's; `rows` and `pages` are its estimates.

    `parts` are its partitions or the tables that inherit from it, `leaves` those that rows are written to, `elsewhere`
    is one on another server. `child`: it is a partition of another table, or inherits from one. `storage` changes when
    all of it is written anew. `subscribed`: logical replication writes it.
    """

    schema: str
    relation: str
    relid: int
    kind: str
    infos: tuple[ColumnInfo, ...]
    triggers: tuple[Trigger, ...]
    parts: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    elsewhere: str = ""
    child: bool = False
    storage: str = ""
    subscribed: bool = False
    pages: int = 0
    rows: int = 0

    @cached_property
    def source_name(self) -> str:
        """The source's name for it, as config.toml writes it."""
        return quoting.join_name(self.schema, self.relation)

    @cached_property
    def quoted(self) -> str:
        """Schema and name for PostgreSQL."""
        return quoting.qualified(self.schema, self.relation)

    @property
    def holds_rows(self) -> bool:
        """Whether it is a table, perhaps of partitions, and not a view or another server's."""
        return self.kind in ORDINARY

    @cached_property
    def rows_from(self) -> str:
        """What PostgreSQL reads its rows from: of a table without children it alone, whatever is attached meanwhile."""
        return f"ONLY {self.quoted}" if self.kind in "rf" and not self.parts else self.quoted

    @property
    def row_deletes(self) -> bool:
        """Whether only row triggers see every delete.

        Of a row that changes partition, by logical replication, or by a statement on the table that this is a part of.
        """
        return self.kind == PARTITIONED or self.subscribed or self.child
