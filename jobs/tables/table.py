"""One table of the source as the config wants it copied, and what must stay the same for a delta to be enough. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from app import config
from jobs import quoting
from jobs.position.watermark import Stamp
from jobs.tables import deciding, modes, stamps
from jobs.tables.capture import Subject
from jobs.tables.origin import PARTITIONED, Origin
from jobs.tables.triggers import Trigger
from jobs.types import column_plan
from jobs.types.info import parts


@dataclass(frozen=True)
class Filtering:
    """What `where` may lead to: the `names` in it, and a `version` that changes with any function of users behind them.

    Without a version it calls none.
    """

    names: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Table(Origin):
    """One table. `source_key` are the key's columns in the source; `target`, `columns`, `key` are the file's.

    `copied` are those of `infos` that `columns` are made of, in the same order. `purged` is the last transaction whose
    deletes may be forgotten. `lack` is what it lacks for its modes, as a sentence.
    """

    spec: config.Table
    target: tuple[str, str]
    source_key: tuple[str, ...]
    copied: tuple[column_plan.ColumnInfo, ...]
    columns: tuple[column_plan.ColumnPlan, ...]
    purged: int = 0
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

    @property
    def mode(self) -> modes.WatermarkMode:
        """How its changes are found."""
        return modes.WATERMARKS[self.spec.watermark]

    @property
    def deletes(self) -> modes.DeleteMode:
        """How rows leave the file."""
        return modes.DELETES[self.spec.deletes]

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
        return stamps.there(self.spec, self.infos)

    @property
    def compares_keys(self) -> bool:
        """Whether what is gone is found by comparing all keys.

        Also where a row may get another key in the file while it has the same for PostgreSQL, and no trigger tells.
        """
        respelled = not all(plan.same_equality for plan in self.key_plans())
        needed = self.deletes.compares or (self.deletes.marked and respelled)
        return needed and not self.mode.from_log

    @property
    def from_events(self) -> bool:
        """Whether events tell of its rows by their keys; what its watermark finds is then a matter of sweeps."""
        return self.spec.feed == "events" and bool(self.source_key) and self.kind in "rp"

    @cached_property
    def subject(self) -> Subject:
        """What there is to know of it for its triggers, also of the stamp that `track` has yet to add."""
        stamp = self.stamp or stamps.to_come(self.spec, self.infos)
        in_utc = stamp is not None and stamp.unzoned and stamps.means_utc(stamp.column, self.infos, self.triggers)
        return Subject(
            self.relid, stamp, self.key_infos(), tree=self.kind == PARTITIONED, by_row=self.row_deletes, in_utc=in_utc
        )

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What must stay the same for a delta to be enough; `jobs.tables.drift` says what a difference means.

        The file keeps it as JSON and it is compared with what comes back: no tuples, no keys but texts.
        """
        signature = {
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
                stamps.column(self.spec, self.infos) if self.mode.stamped else None,
                [list(pair) for pair in sorted(self.spec.mask.items())], self.mask_version,
                *(["events"] if self.from_events else []),
            ],
        }  # fmt: skip
        deciding = [_facts(info) for info in self.deciding]
        return (
            signature
            | ({"deciding": deciding} if deciding else {})
            | ({"filtering": self.filtering.version} if self.filtering.version else {})
            | ({} if self.holds_rows else {"kind": self.kind})
        )

    @property
    def deciding(self) -> tuple[column_plan.ColumnInfo, ...]:
        """The columns that are not copied, and yet say which rows are."""
        return deciding.columns(self.spec, self.relation, self.infos, self.copied)

    def _matters(self, trigger: Trigger) -> bool:
        if not self.mode.stamped:
            return False
        return trigger.ours or trigger.mentions(stamps.column(self.spec, self.infos))

    @property
    def _followed(self) -> list[str]:
        """The columns that triggers name: one that was away for a while was not followed, nor in a parent's hands."""
        if not self.mode.stamped:
            return []
        names = {*self.source_key, stamps.column(self.spec, self.infos)}
        return [info.version for info in self.infos if info.name in names]


# The reading sessions find functions and operators without a schema in pg_catalog only.
# A comment is a blank, and may hold others. A constant of a type calls the type's input function, `TABLE` reads views.
_BLANK = r"(?:\s|/\*.*\*/|--[^\n]*\n)*"
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_CALL = re.compile(
    rf"\.{_BLANK}{_NAME}{_BLANK}(?:\(|(?:e|u&)?')|\boperator{_BLANK}\(|\bselect\b"
    rf"|(?:\(|\b(?:union|intersect|except|all|distinct)\b){_BLANK}table\b"
    rf'|(?:::|\bas\b){_BLANK}(?:"|[\w$]+{_BLANK}\.)',
    re.IGNORECASE | re.DOTALL,
)


# Where none of these is, quotes mean the same to everybody.
_HARD = re.compile(r"\\|\$|--|/\*")
_QUOTED = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")


def calls_code(where: str | None) -> bool:
    """Whether a condition may lead to a function that is not PostgreSQL's own."""
    if where is None:
        return False
    # What stands in a text, `bob@example.com` for one, is no name.
    bare = where if _HARD.search(where) else _QUOTED.sub(lambda match: match[1] or "''", where)
    return _CALL.search(bare) is not None


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
        "parts": list(parts(info.type)),
    }
