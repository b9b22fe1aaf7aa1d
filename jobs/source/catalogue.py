"""What the source's catalogue says of the config's tables: key, columns, triggers, and why one can't be copied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app import config, errors, statements
from jobs import quoting
from jobs.source import condition, readiness
from jobs.source import settings as sessions
from jobs.source.connection import Connection
from jobs.source.facts import Facts, Memory, Row
from jobs.tables import columns, deciding, modes, tracked
from jobs.tables import patterns as selection
from jobs.tables import table as tables
from jobs.tables.origin import ORDINARY
from jobs.tables.table import Table
from jobs.types import column_plan, forms, masks


@dataclass
class Listing:
    """The tables that can be copied, in the config's order, and why the others can't, by their names in the file."""

    tables: list[Table] = field(default_factory=list)
    failures: dict[str, errors.NeaptideError] = field(default_factory=dict)


@dataclass(frozen=True)
class Relation:
    """What can be locked: `kind` is pg_class's, `quoted` is for PostgreSQL, `name` for people."""

    relid: int
    kind: str
    name: str
    quoted: str


Hold = Callable[[list[Relation]], Mapping[int, errors.NeaptideError]]


def read(conn: Connection, settings: config.Settings) -> list[Table]:
    """The tables of the config, patterns resolved. Raises the error of the first that can't be copied."""
    listing = look(conn, settings)
    for error in listing.failures.values():
        raise error
    return listing.tables


def look(
    conn: Connection,
    settings: config.Settings,
    hold: Hold | None = None,
    memory: Memory | None = None,
    *,
    rights: bool = True,
) -> Listing:
    """The tables of the config, patterns resolved; one that can't be copied doesn't keep the others from it.

    An entry for a single table wins over a pattern, a later pattern over an earlier one. `hold` is asked, before any
    table is looked at more closely, which of them are out of reach, and why. Without `rights` it doesn't matter that
    this role may not read a table.
    """
    listing = Listing()
    chosen = _chosen(conn, settings, listing)
    away = hold(_within_reach(row for _, row in chosen.values())) if hold else {}
    memory = memory or Memory()
    facts = Facts(conn, [relid for relid in chosen if relid not in away], memory)
    if any(row["kind"] == "v" or tables.calls_code(spec.where) for spec, row in chosen.values()):
        sessions.let_views(conn)
    for relid, (spec, row) in chosen.items():
        name = quoting.join_name(*selection.name_in_file(spec, row["schema"], row["name"]))
        try:
            if relid in away:
                raise away[relid]
            listing.tables.append(_table(conn, settings, facts, spec, row, rights=rights))
        except errors.NeaptideError as error:
            listing.failures[name] = error
    memory.only(chosen)
    _separate(listing, settings.target_path.stem)
    return listing


def reachable(conn: Connection, settings: config.Settings) -> list[Relation]:
    """The config's relations that this role may read."""
    return _within_reach(row for _, row in _chosen(conn, settings, Listing()).values())


def _within_reach(rows: Iterable[Row]) -> list[Relation]:
    return [
        Relation(row["relid"], row["kind"], quoting.join_name(row["schema"], row["name"]),
                 quoting.qualified(row["schema"], row["name"]))
        for row in rows
        if row["readable"] and row["reachable"]
    ]  # fmt: skip


def _chosen(conn: Connection, settings: config.Settings, listing: Listing) -> dict[int, tuple[config.Table, Row]]:
    """The relations that the entries mean, each with its entry; entries that mean none go to `found.failures`."""
    # Patterns first, so that an entry of its own wins.
    specs = sorted(map(settings.fed, settings.tables), key=lambda spec: not spec.is_pattern)
    rows = _relations(conn, specs)
    chosen: dict[int, tuple[config.Table, Row]] = {}
    for place, spec in enumerate(specs):
        mine = [row for row in rows[place] if not _excluded(spec, settings, row)]
        for row in mine:
            chosen[row["relid"]] = (spec, row)
        if not mine and not spec.is_pattern:
            listing.failures[_single_name(spec)] = errors.MissingTable(
                f"the source has no table {spec.name}", hint="correct or remove it in config.toml"
            )
    order = {spec.name: place for place, spec in enumerate(settings.tables)}
    return dict(sorted(chosen.items(), key=lambda item: order[item[1][0].name]))


def _single_name(spec: config.Table) -> str:
    return quoting.join_name(*quoting.split_name(spec.rename or spec.name))


def _excluded(spec: config.Table, settings: config.Settings, row: Row) -> bool:
    return selection.is_excluded(spec, settings.exclude, row["schema"], row["name"])


def _relations(conn: Connection, specs: Sequence[config.Table]) -> dict[int, list[Row]]:
    """The rows of the catalogue for each entry, by its place."""
    patterns = [selection.Pattern.parse(spec.name) for spec in specs]
    given = {
        "schemas": [pattern.like()[0] for pattern in patterns],
        "names": [pattern.like()[1] for pattern in patterns],
        "wild": [pattern.is_wild for pattern in patterns],
    }
    rows = defaultdict(list)
    for row in conn.execute(statements.get("catalogue", "relations"), given):
        rows[row["place"] - 1].append(row)
    return rows


def _table(
    conn: Connection, settings: config.Settings, facts: Facts, spec: config.Table, row: Row, *, rights: bool
) -> Table:
    """One table as it will be copied. Raises `errors.*` where it can't be."""
    version = _mask_version(spec, settings)
    parquet = settings.target.is_lake
    known = (spec, version, facts.of(row))
    table = facts.memory.table(row["relid"], known, lambda: _made(facts, spec, row, version, parquet=parquet))
    if not rights:
        return table
    _check_access(table, row)
    readiness.check_hashed(conn, table)
    filtering = condition.check(conn, table)
    return replace(table, filtering=filtering) if filtering.names else table


def _made(facts: Facts, spec: config.Table, row: Row, mask_version: str, *, parquet: bool) -> Table:
    relid, name = row["relid"], quoting.join_name(row["schema"], row["name"])
    infos, key = facts.columns[relid], facts.key(spec, row)
    spec, notes = _fitting(spec, row, [info for info in infos if info.name in key])
    copied, plans = columns.choose(spec, name, infos, key, parquet=parquet)
    fires = facts.firing
    read = (*copied, *deciding.columns(spec, row["name"], infos, copied))
    table = Table(
        spec=spec, schema=row["schema"], relation=row["name"], relid=relid, kind=row["kind"],
        target=selection.name_in_file(spec, row["schema"], row["name"]), source_key=key, infos=tuple(infos),
        copied=copied, columns=plans, triggers=tuple(fires.triggers.get(relid, ())),
        parts=tuple(fires.parts.get(relid, ())), leaves=fires.leaves.get(relid, ()),
        elsewhere=fires.elsewhere.get(relid, ""), child=row["child"],
        storage=f"{row['filenode']} {row['started']}".strip(), subscribed=row["subscribed"],
        purged=facts.purged.get(relid, 0), pages=row["pages"], rows=row["rows"], labels=facts.labels(read),
        type_states=facts.type_states(read),
        mask_version=mask_version, notes=notes,
    )  # fmt: skip
    return replace(table, lack=tracked.untracked(table))


def _fitting(
    spec: config.Table, row: Row, key: Sequence[column_plan.ColumnInfo]
) -> tuple[config.Table, tuple[str, ...]]:
    """The entry with the mode "none" where no other is possible, and a note that says so.

    Where another mode is given, that of a table without a key is left for `unfit` to refuse.
    """
    reason = ""
    if any(forms.shows_names(info.type) for info in key):
        reason = "its key holds names of objects, which change without a write"
    elif not _is_asked_for(spec) and not (key and row["kind"] in ORDINARY):
        reason = "it has no key" if row["kind"] in ORDINARY else "it is no ordinary table"
    if not reason:
        return spec, ()
    entry = spec.model_copy(update={"watermark": "none", "feed": None})
    if modes.WATERMARKS[spec.watermark].reads_all and "watermark" in spec.model_fields_set:
        return entry, ()
    return entry, (f"copied whole each time: {reason}",)


def _is_asked_for(spec: config.Table) -> bool:
    """Whether the entry itself says how its table is followed."""
    given = "watermark" in spec.model_fields_set and not modes.WATERMARKS[spec.watermark].from_log
    return "feed" in spec.model_fields_set or given


def _mask_version(spec: config.Table, settings: config.Settings) -> str:
    key = settings.sync.mask_key
    return masks.version(key.get_secret_value()) if key and "hash" in spec.mask.values() else ""


def _check_access(table: Table, row: Row) -> None:
    """Raise `errors.AccessDenied` where this role may not read all of what is to be copied."""
    if not row["reachable"]:
        schema = quoting.identifier(table.schema)
        raise errors.AccessDenied(
            f"the role may not use the schema {table.schema}",
            hint=f"GRANT USAGE ON SCHEMA {schema} TO the reading role",
        )
    if row["filtered"]:
        raise errors.AccessDenied(
            f"row-level security may hide rows of {table.source_name} from the role",
            hint="give the reading role BYPASSRLS, or leave the table out: a part is no copy",
        )
    hidden = {info.name for info in table.copied} & set(row["hidden_columns"])
    # The age of a row version is a matter of the whole table, not of a column.
    if not row["readable"] and (hidden or table.mode.by_clock):
        raise errors.AccessDenied(
            f"the role may not read {table.source_name}", hint=f"GRANT SELECT ON {table.quoted} TO the reading role"
        )


def _separate(listing: Listing, file_stem: str) -> None:
    """Move tables to the failures whose names DuckDB can't have, or can't tell from another's."""
    targets = [table.target for table in listing.tables]
    twins = selection.twins(targets)
    histories = selection.of_history(targets, [table.target for table in listing.tables if table.spec.history])
    for table in list(listing.tables):
        error = selection.problem(table.target, file_stem) or twins.get(table.target) or histories.get(table.target)
        if error:
            listing.tables.remove(table)
            listing.failures[table.name] = error
