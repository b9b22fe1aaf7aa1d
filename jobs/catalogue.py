"""What the source's catalogue says of the tables the config names: key, stamp, columns, triggers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app import config, errors, statements
from jobs import quoting, types
from jobs.source import Connection, Identity
from jobs.watermark import Stamp

# Bits of pg_trigger.tgtype (PostgreSQL's catalog/pg_trigger.h).
_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32
XID_COLUMN = "sync_xid"
PARTITIONED = "p"
# Appended to a value: equal only to the letter, also under a collation that holds other spellings equal.
EXACT = '::text COLLATE "C"'
# Anything else, a date say, would not order rows finely enough.
_STAMP_TYPES = {"updated_at": ("timestamptz", "timestamp"), "xid": ("xid8",)}


@dataclass(frozen=True)
class Trigger:
    """A trigger that fires for ordinary sessions; `version` changes when anybody touches it."""

    name: str
    schema: str
    kind: int
    source: str
    version: str
    conditional: bool

    def fires(self, *events: int, before: bool, row: bool) -> bool:
        """Whether it fires at this moment for all of these events."""
        return (
            all(self.kind & event for event in events)
            and bool(self.kind & _BEFORE) is before
            and bool(self.kind & _ROW) is row
        )

    def keeps(self, column: str) -> bool:
        """Whether its function assigns this column of the row that is being written."""
        text = "".join(self.source.lower().split()).replace('"', "")
        wanted = "".join(column.lower().split()).replace('"', "")
        return f"new.{wanted}:=" in text or f"new.{wanted}=" in text


@dataclass(frozen=True)
class Table:
    """One table of the source, and how the config wants it copied."""

    spec: config.Table
    schema: str
    relation: str
    relid: int
    kind: str
    key: tuple[str, ...]
    infos: tuple[types.ColumnInfo, ...]
    columns: tuple[types.ColumnPlan, ...]
    triggers: tuple[Trigger, ...]
    parts: tuple[str, ...]
    storage: str
    subscribed: bool
    purged: int
    pages: int
    rows: int

    @property
    def name(self) -> str:
        """As config.toml writes it."""
        return quoting.join_name(self.schema, self.relation)

    @property
    def quoted(self) -> str:
        """Schema and name for SQL; the same in PostgreSQL and in the file."""
        return quoting.qualified(self.schema, self.relation)

    @property
    def stamp(self) -> Stamp | None:
        """The column the watermark is on, or None for a table that is copied whole."""
        if self.spec.watermark == "none":
            return None
        name = stamp_column(self.spec, self.infos)
        info = next((info for info in self.infos if info.name == name), None)
        if info is None:
            return None
        return Stamp(
            name,
            self.spec.watermark,
            zoned=info.type.resolved.name != "timestamp",
            rounded=info.type.resolved.typmod != -1,
        )

    def key_plans(self) -> tuple[types.ColumnPlan, ...]:
        """The plans of the key's columns, in the key's order."""
        by_name = {plan.name: plan for plan in self.columns}
        return tuple(by_name[name] for name in self.key)

    @property
    def row_deletes(self) -> bool:
        """Whether only row triggers see every delete: of a row that changes partition, or by logical replication."""
        return self.kind == PARTITIONED or self.subscribed

    def signature(self) -> dict[str, Any]:
        """What must stay the same for a delta to be enough; a table is copied anew when any of it changes."""
        return {
            "table": self.relid,
            "key": list(self.key),
            "columns": [
                [
                    info.attnum,
                    plan.name,
                    info.type_name,
                    plan.source_sql,
                    plan.target_sql,
                    plan.duckdb_type,
                    _meaning(info),
                ]
                for info, plan in zip(self.infos, self.columns, strict=True)
            ],
            "triggers": [
                trigger.version for trigger in self.triggers if trigger.schema == "neaptide" or self._keeps(trigger)
            ],
            "partitions": list(self.parts),
            "storage": self.storage,
            "modes": [self.spec.watermark, self.spec.deletes],
        }

    def _keeps(self, trigger: Trigger) -> bool:
        return self.spec.watermark != "none" and trigger.keeps(stamp_column(self.spec, self.infos))


def _meaning(info: types.ColumnInfo) -> list[Any]:
    """What can be altered so that stored values read differently, though no row is written and no trigger fires."""
    kind = info.type.resolved
    attributes = [[name, part.type_name, list(part.resolved.labels)] for name, part in kind.attributes]
    return [info.default if info.generated else None, list(kind.labels), attributes]


def stamp_column(spec: config.Table, infos: Iterable[types.ColumnInfo]) -> str:
    """The config's `stamp`, else `sync_xid` in xid mode, else `updated_at` or what stands in for it."""
    if spec.stamp:
        return spec.stamp
    if spec.watermark == "xid":
        return XID_COLUMN
    names = [info.name for info in infos]
    return next((name for name in ("updated_at", "last_update", "modified_at") if name in names), "updated_at")


def read(conn: Connection, specs: list[config.Table]) -> list[Table]:
    """The tables of `specs`, patterns resolved, in the config's order; a later entry overrides a pattern's.

    Raises `errors.MissingTable` for a table that is named but not there, `errors.AccessDenied` for one that this role
    may not read.
    """
    wanted = _wanted(specs)
    found = _relations(conn, list(wanted))
    chosen: dict[int, tuple[config.Table, dict[str, Any]]] = {}
    for (schema, name), spec in wanted.items():
        rows = [row for row in found if row["schema"] == schema and name in ("*", row["name"])]
        if not rows and name != "*":
            raise errors.MissingTable(
                f"the source has no table {spec.name}", hint="correct or remove it in config.toml"
            )
        for row in rows:
            chosen[row["relid"]] = (spec, row)
    for _spec, row in chosen.values():
        if not row["readable"]:
            name = quoting.join_name(row["schema"], row["name"])
            raise errors.AccessDenied(
                f"the role may not read {name}",
                hint=f"GRANT SELECT ON {quoting.qualified(row['schema'], row['name'])} TO the reading role",
            )
    return _described(conn, chosen)


def lockable(conn: Connection, specs: list[config.Table]) -> list[str]:
    """The quoted names of the config's tables that LOCK TABLE takes and this role may read."""
    found = _relations(conn, list(_wanted(specs)))
    return [quoting.qualified(row["schema"], row["name"]) for row in found if row["kind"] in "rp" and row["readable"]]


def _wanted(specs: list[config.Table]) -> dict[tuple[str, str], config.Table]:
    """Patterns first, so that an entry of its own wins over a pattern."""
    split = [(quoting.split_name(spec.name), spec) for spec in specs]
    return dict(sorted(split, key=lambda item: item[0][1] != "*"))


def _relations(conn: Connection, names: list[tuple[str, str]]) -> list[dict[str, Any]]:
    given = {"schemas": [schema for schema, _ in names], "names": [name for _, name in names]}
    return conn.execute(statements.get("catalogue", "relations"), given).fetchall()


def _described(conn: Connection, chosen: dict[int, tuple[config.Table, dict[str, Any]]]) -> list[Table]:
    relids = list(chosen)
    given = {"relids": relids}
    keys = {row["relid"]: row["columns"] for row in conn.execute(statements.get("catalogue", "keys"), given)}
    parts = {row["relid"]: row["states"] for row in conn.execute(statements.get("catalogue", "partitions"), given)}
    _check_keys(conn, chosen)
    purged = _purged(conn, relids)
    triggers: dict[int, list[Trigger]] = defaultdict(list)
    for row in conn.execute(statements.get("catalogue", "triggers"), given):
        # D: disabled; R: fires only where replication applies changes.
        if row["enabled"] in ("O", "A"):
            triggers[row["relid"]].append(
                Trigger(
                    row["name"], row["schema"], row["type"], row["source"] or "", row["version"], row["conditional"]
                )
            )
    columns = types.read_columns_many(conn, relids)
    return [
        _table(
            spec,
            {**row, "parts": tuple(parts.get(relid, ())), "purged": purged.get(relid, 0)},
            columns[relid],
            keys.get(relid, []),
            tuple(triggers[relid]),
        )
        for relid, (spec, row) in chosen.items()
    ]


def _check_keys(conn: Connection, chosen: dict[int, tuple[config.Table, dict[str, Any]]]) -> None:
    """Raise `errors.ConfigError` for a key of the config's that lets two rows, or a NULL, through."""
    own = {relid: spec for relid, (spec, row) in chosen.items() if spec.key and row["kind"] in "rp"}
    if not own:
        return
    found = conn.execute(statements.get("catalogue", "unique_keys"), {"relids": list(own)}).fetchall()
    for relid, spec in own.items():
        if not any(row["relid"] == relid and set(row["columns"]) == set(spec.key or ()) for row in found):
            raise errors.ConfigError(
                f"{spec.name}: no unique index on NOT NULL columns makes ({', '.join(spec.key or ())}) a key",
                hint="make one on the source, or name another key",
            )


def _purged(conn: Connection, relids: list[int]) -> dict[int, int]:
    """Up to which transaction each table's tombstones may have been deleted already."""
    there = conn.execute(statements.get("catalogue", "purge_readable")).fetchone()
    if not there or not there["readable"]:
        return {}
    rows = conn.execute(statements.get("catalogue", "purged"), {"relids": relids})
    return {row["relid"]: row["xid"] for row in rows}


def _table(
    spec: config.Table,
    row: dict[str, Any],
    infos: list[types.ColumnInfo],
    primary: list[str],
    triggers: tuple[Trigger, ...],
) -> Table:
    unknown = [name for name in (*(spec.key or ()), *spec.columns) if name not in {info.name for info in infos}]
    if unknown:
        raise errors.ConfigError(f"{spec.name}: the table has no column {unknown[0]!r}")
    plans = tuple(types.plan_column(info, spec.columns.get(info.name), spec.on_value) for info in infos)
    key = tuple(spec.key or primary)
    return Table(
        spec, row["schema"], row["name"], row["relid"], row["kind"], key, tuple(infos), plans, triggers,
        row["parts"], f"{row['filenode']} {row['started']}".strip(), row["subscribed"], row["purged"],
        row["pages"], row["rows"],
    )  # fmt: skip


def tombstones_readable(conn: Connection) -> bool:
    """Whether `neaptide.tombstone` is there. Raises `errors.AccessDenied` where this role may not read it."""
    row = conn.execute(statements.get("catalogue", "tombstones_exist")).fetchone()
    assert row is not None
    if row["there"] and not row["readable"]:
        raise errors.AccessDenied(
            "the role may not read neaptide.tombstone",
            hint="GRANT USAGE ON SCHEMA neaptide, SELECT ON neaptide.tombstone TO the reading role",
        )
    return bool(row["there"])


def untracked(table: Table) -> str | None:
    """What the table lacks for its modes, as a sentence, or None."""
    if table.spec.watermark == "none":
        return None
    lack = unfit(table) or _unstamped(table)
    if lack:
        return lack
    if table.spec.deletes == "tombstone" and not _tombstoned(table):
        return f"the triggers of {table.name} that record deleted rows are missing or disabled"
    return None


def unfit(table: Table) -> str | None:
    """Why no trigger can ever make the table ready, as a sentence, or None."""
    if table.kind not in "rp":
        return f'{table.name} is no ordinary table: set watermark = "none" for it'
    if table.kind == "r" and table.parts:
        return f'other tables inherit from {table.name}, past its triggers: set watermark = "none" for it'
    if not table.key:
        return f'{table.name} has no primary key: name a unique key in the config, or set watermark = "none"'
    kind = next(
        (info.type.resolved.name for info in table.infos if table.stamp and info.name == table.stamp.column), None
    )
    if table.stamp and kind not in _STAMP_TYPES[table.stamp.mode]:
        return f"{table.stamp.column} of {table.name} is {kind}, not {_STAMP_TYPES[table.stamp.mode][0]}"
    return None


def _unstamped(table: Table) -> str | None:
    if table.stamp is None:
        return f"{table.name} has no column {stamp_column(table.spec, table.infos)}"
    if not stamped(table.triggers, table.stamp):
        return f"no trigger of {table.name} stamps {table.stamp.column} on INSERT and UPDATE"
    return None


def stamped(triggers: Iterable[Trigger], stamp: Stamp) -> bool:
    """Whether these triggers together stamp every row that is inserted or updated."""
    # A WHEN or an UPDATE OF would let some rows through with their old stamp.
    keeping = [trigger for trigger in triggers if trigger.keeps(stamp.column) and not trigger.conditional]
    return all(any(t.fires(event, before=True, row=True) for t in keeping) for event in (_INSERT, _UPDATE))


def _tombstoned(table: Table) -> bool:
    ours = [trigger for trigger in table.triggers if trigger.schema == "neaptide"]
    return (
        any(t.fires(_DELETE, before=False, row=table.row_deletes) for t in ours)
        and any(t.fires(_UPDATE, before=False, row=True) for t in ours)
        and any(t.fires(_TRUNCATE, before=False, row=False) for t in ours)
    )


def check_tracked(conn: Connection, tables: list[Table]) -> None:
    """Raise `errors.NotTracked` where a table lacks what its modes need."""
    for table in tables:
        lack = untracked(table)
        if lack:
            raise errors.NotTracked(lack, hint=f"run `neaptide track {table.name}`, or `--print` its SQL for a DBA")
    if any(table.spec.deletes == "tombstone" and table.spec.watermark != "none" for table in tables):
        tombstones_readable(conn)


def check_standby(identity: Identity, tables: list[Table]) -> None:
    """A standby doesn't show the primary's transactions, so there is no floor: only xid and none are exact there."""
    if not identity.standby:
        return
    for table in tables:
        if table.spec.watermark == "updated_at":
            raise errors.NotTracked(
                f'{table.name}: the source is a hot standby, where watermark = "updated_at" is not exact',
                hint='set watermark = "xid" and run `neaptide track` on the primary',
            )
