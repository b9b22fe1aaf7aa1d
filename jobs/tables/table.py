"""One table of the source as the config wants it copied, and what must stay the same for a delta to be enough. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from app import config
from jobs import quoting
from jobs.position.watermark import Stamp
from jobs.tables import modes
from jobs.tables.capture import Subject
from jobs.tables.triggers import Leaf, Trigger
from jobs.types import column_plan

PARTITIONED, VIEW = "p", "v"
# What holds rows of its own: tables, and those of partitions.
ORDINARY = "rp"
_SAYS_UTC = re.compile(r"(?i)time\s+zone\s+'utc'|timezone\s*\(\s*'utc'")


@dataclass(frozen=True)
class Filtering:
    """What `where` may lead to: the `names` in it, and a `version` that changes with any function of users behind them.

    Without a version it calls none.
    """

    names: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True)
class Table:
    """One table. `schema`, `relation`, `infos`, `source_key` are the source's; `target`, `columns`, `key` the file's.

    `infos` are all columns of the source; `copied` are those of `columns`, in the same order. `child`: it is a
    partition of another table, or inherits from one. `lack` is what it lacks for its modes, as a sentence.
    """

    spec: config.Table
    schema: str
    relation: str
    target: tuple[str, str]
    relid: int
    kind: str
    source_key: tuple[str, ...]
    infos: tuple[column_plan.ColumnInfo, ...]
    copied: tuple[column_plan.ColumnInfo, ...]
    columns: tuple[column_plan.ColumnPlan, ...]
    triggers: tuple[Trigger, ...]
    parts: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    elsewhere: str = ""
    child: bool = False
    storage: str = ""
    subscribed: bool = False
    purged: int = 0
    pages: int = 0
    rows: int = 0
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    type_states: Mapping[int, str] = field(default_factory=dict)
    mask_version: str = ""
    filtering: Filtering = Filtering()
    notes: tuple[str, ...] = ()
    lack: str | None = None

    @cached_property
    def name(self) -> str:
        """The file's name for it, as config.toml would write it."""
        return quoting.join_name(*self.target)

    @cached_property
    def source_name(self) -> str:
        """The source's name for it, as config.toml writes it."""
        return quoting.join_name(self.schema, self.relation)

    @cached_property
    def quoted(self) -> str:
        """Schema and name for PostgreSQL."""
        return quoting.qualified(self.schema, self.relation)

    @property
    def mode(self) -> modes.WatermarkMode:
        """How its changes are found."""
        return modes.WATERMARKS[self.spec.watermark]

    @property
    def deletes(self) -> modes.DeleteMode:
        """How rows leave the file."""
        return modes.DELETES[self.spec.deletes]

    @property
    def holds_rows(self) -> bool:
        """Whether it is a table, perhaps of partitions, and not a view or another server's."""
        return self.kind in ORDINARY

    @cached_property
    def rows_from(self) -> str:
        """What PostgreSQL reads its rows from: of a table without children it alone, whatever is attached meanwhile."""
        return f"ONLY {self.quoted}" if self.kind in "rf" and not self.parts else self.quoted

    @cached_property
    def runs_code(self) -> bool:
        """Whether to read it runs code of others, as the reading role: a view's, or a function's that `where` calls.

        A foreign table makes the values of domains anew, with their CHECKs.
        """
        return self.kind in "vf" or calls_code(self.spec.where)

    @cached_property
    def file_quoted(self) -> str:
        """Schema and name for DuckDB."""
        return quoting.qualified(*self.target)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The key's columns by their names in the file."""
        return tuple(plan.name for plan in self.key_plans())

    def key_plans(self) -> tuple[column_plan.ColumnPlan, ...]:
        """The plans of the key's columns, in the key's order."""
        by_name = {info.name: plan for info, plan in zip(self.copied, self.columns, strict=True)}
        return tuple(by_name[name] for name in self.source_key)

    def key_infos(self) -> tuple[column_plan.ColumnInfo, ...]:
        """The source's columns of the key, in the key's order."""
        by_name = {info.name: info for info in self.infos}
        return tuple(by_name[name] for name in self.source_key)

    @cached_property
    def stamp(self) -> Stamp | None:
        """The column the watermark is on, or None for a table that is copied whole."""
        if not self.mode.stamped:
            return None
        name = stamp_column(self.spec, self.infos)
        info = next((info for info in self.infos if info.name == name), None)
        if info is None:
            return None
        return Stamp(
            name,
            self.mode.name,
            zoned=info.type.resolved.name != "timestamp",
            rounded=info.type.resolved.typmod != -1,
        )

    @property
    def compares_keys(self) -> bool:
        """Whether what is gone is found by comparing all keys.

        Also where a row may get another key in the file while it has the same for PostgreSQL, and no trigger tells.
        """
        respelled = not all(plan.same_equality for plan in self.key_plans())
        found = self.deletes.compares or (self.deletes.marked and respelled)
        return found and not self.mode.from_log

    @property
    def row_deletes(self) -> bool:
        """Whether only row triggers see every delete.

        Of a row that changes partition, by logical replication, or by a statement on the table that this is a part of.
        """
        return self.kind == PARTITIONED or self.subscribed or self.child

    @cached_property
    def subject(self) -> Subject:
        """What there is to know of it for its triggers, also of the stamp that `track` has yet to add."""
        stamp = self.stamp or self._stamp_to_come()
        in_utc = stamp is not None and stamp.unzoned and self._stamps_in_utc(stamp.column)
        return Subject(
            self.relid, stamp, self.key_infos(), tree=self.kind == PARTITIONED, by_row=self.row_deletes, in_utc=in_utc
        )

    def _stamp_to_come(self) -> Stamp | None:
        if not self.mode.stamped:
            return None
        return Stamp(stamp_column(self.spec, self.infos), self.mode.name)

    def _stamps_in_utc(self, column: str) -> bool:
        """Whether its owner means UTC by a stamp without a zone: by its default, or by a trigger."""
        default = next((info.default for info in self.infos if info.name == column), None)
        owners = (t.function.source for t in self.triggers if not t.ours and t.mentions(column))
        return any(_SAYS_UTC.search(text) for text in (default or "", *owners))

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What must stay the same for a delta to be enough; `jobs.tables.drift` says what a difference means.

        The file keeps it as JSON and it is compared with what comes back: no tuples, no keys but texts.
        """
        found = {
            "table": self.relid,
            "key": list(self.key),
            "columns": [_column(info, plan) for info, plan in zip(self.copied, self.columns, strict=True)],
            "labels": {name: dict(labels) for name, labels in self.labels.items()},
            "triggers": [trigger.version for trigger in self.triggers if self._matters(trigger)],
            "followed": self._followed,
            "partitions": list(self.parts),
            "storage": self.storage,
            "config": [
                self.spec.watermark, self.spec.deletes, self.spec.soft_column, self.spec.where,
                stamp_column(self.spec, self.infos) if self.mode.stamped else None,
                [list(pair) for pair in sorted(self.spec.mask.items())], self.mask_version,
            ],
        }  # fmt: skip
        deciding = [_facts(info) for info in self.deciding]
        return (
            found
            | ({"deciding": deciding} if deciding else {})
            | ({"filtering": self.filtering.version} if self.filtering.version else {})
            | ({} if self.holds_rows else {"kind": self.kind})
        )

    @property
    def deciding(self) -> tuple[column_plan.ColumnInfo, ...]:
        """The columns that are not copied, and yet say which rows are."""
        return deciding(self.spec, self.relation, self.infos, self.copied)

    def _matters(self, trigger: Trigger) -> bool:
        if not self.mode.stamped:
            return False
        return trigger.ours or trigger.mentions(stamp_column(self.spec, self.infos))

    @property
    def _followed(self) -> list[str]:
        """The columns that triggers name: one that was away for a while was not followed, nor in a parent's hands."""
        if not self.mode.stamped:
            return []
        names = {*self.source_key, stamp_column(self.spec, self.infos)}
        return [info.version for info in self.infos if info.name in names]


# The reading sessions find functions and operators without a schema in pg_catalog only.
_CALL = re.compile(
    r'\.\s*(?:"(?:[^"]|"")+"|[\w$]+)\s*\(|\boperator\s*\(|\bselect\b|(?:::|\bas\b)\s*(?:"|[\w$]+\s*\.)',
    re.IGNORECASE,
)


def calls_code(where: str | None) -> bool:
    """Whether a condition may lead to a function that is not PostgreSQL's own."""
    return where is not None and _CALL.search(where) is not None


def stamp_column(spec: config.Table, infos: Iterable[column_plan.ColumnInfo]) -> str:
    """The config's `stamp`, else what its mode stamps by default."""
    kinds = {info.name: info.type.resolved.name for info in infos}
    return spec.stamp or modes.WATERMARKS[spec.watermark].stamp_column(kinds)


def deciding(
    spec: config.Table, relation: str, infos: Iterable[column_plan.ColumnInfo], copied: Iterable[column_plan.ColumnInfo]
) -> tuple[column_plan.ColumnInfo, ...]:
    """The columns that are not copied, and yet say which rows are; none where all is compared.

    Of `where` each that it may name: all, where it may take the row as a whole.
    """
    if modes.WATERMARKS[spec.watermark].reads_all:
        return ()
    there, mark, text = {info.name for info in copied}, spec.soft_column, spec.where or ""
    whole = _may_name(text, relation)
    return tuple(
        info for info in infos if info.name not in there and (info.name == mark or whole or _may_name(text, info.name))
    )


def _may_name(text: str, name: str) -> bool:
    """Whether SQL may name this, in whatever case or quotes; an escaped name may be any."""
    quoted = re.escape(name.replace('"', '""').lower())
    return re.search(rf"(?<![\w$]){quoted}(?![\w$])|u&\"", text.lower()) is not None


def _column(info: column_plan.ColumnInfo, plan: column_plan.ColumnPlan) -> dict[str, Any]:
    """A change in any of this changes stored values, or how they are stored, though no row is written."""
    return {
        **_facts(info),
        "name": plan.name,
        "source": plan.source_sql,
        "target": plan.target_sql,
        "duckdb": plan.duckdb_type,
    }


def _facts(info: column_plan.ColumnInfo) -> dict[str, Any]:
    """What changes a column's values though no row is written: also that it was dropped and another one added."""
    return {
        "name": info.name,
        "place": info.attnum,
        "type": info.type_name,
        "generated": info.default if info.generated else None,
        "collation": info.collation,
        "parts": list(_parts(info.type)),
    }


def _parts(kind: column_plan.TypeInfo) -> Iterator[str]:
    """The attributes of the composite types that a type is built from, however deep."""
    for name, part in kind.attributes:
        yield f"{name} {part.type_name}"
        yield from _parts(part)
    for inner in (kind.element, kind.base, kind.subtype):
        if inner is not None:
            yield from _parts(inner)


def made(kind: column_plan.TypeInfo) -> Iterator[int]:
    """The oids of the enums and composite types that a type is built from, however deep: what can be altered."""
    if kind.typtype in "ec":
        yield kind.oid
    for inner in (kind.element, kind.base, kind.subtype, *(part for _, part in kind.attributes)):
        if inner is not None:
            yield from made(inner)
