"""Proposes a config for a database: a choice for each table, and the reason. Changes nothing on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg

from app import config, errors, statements
from jobs import quoting
from jobs.init import ways
from jobs.init.choice import Choice, Proposal
from jobs.job import Job
from jobs.position.watermark import Stamp
from jobs.source import catalogue, readiness
from jobs.source.catalogue import Listing
from jobs.source.connection import Connection, Source
from jobs.tables import modes, patterns, triggers
from jobs.tables.modes import XID_COLUMN
from jobs.tables.table import Table
from jobs.types import forms

# Below this, to compare a whole table costs no more than to look for what changed, and asks nothing of the server.
SMALL = 512 * 1024
# Rows of a table that are looked at for values that don't fit.
_LOOKED_AT = 10_000
_NAMES = (
    *("updated_at", "last_update", "last_updated", "modified_at", "modified_date", "modifieddate", "changed_at"),
    *("update_time", "updated", "modified", "last_modified", "updated_on", "write_date"),
)
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


def propose(job: Job, schemas: Sequence[str] = (), *, track: bool = False) -> Proposal:
    """A choice for every table of the schemas, of all but PostgreSQL's own where none is named.

    One that a role can take which may only read; with `track` one that triggers are needed for, where they win. Raises
    `errors.UsageError` for a schema that isn't there, or has nothing in it.
    """
    with Source.of(job).connect(application="neaptide init") as conn, conn.transaction():
        rows = conn.execute(statements.get("init", "relations"), {"schemas": list(schemas)}).fetchall()
        missing = sorted(set(schemas) - {row["schema"] for row in rows})
        if missing or not rows:
            what = f"the schema {missing[0]}" if missing else "the database"
            raise errors.UsageError(f"{what} has no tables, or this role can't see it", hint="see --schema and --url")
        keys = _keys(conn, rows)
        entries = {row["relid"]: _entry(row, keys.get(row["relid"], [])) for row in rows}
        listing, renamed = _looked(conn, job, list(entries.values()))
        by_name = {table.source_name: table for table in listing.tables}
        choices = [
            _choice(row, by_name, listing, {**entries[row["relid"]], **renamed.get(_name(row), {})}) for row in rows
        ]
        choices = _affordable(choices, _in_place(conn, job, choices), track=track)
        [who] = conn.execute(statements.get("init", "who")).fetchall()
        ruled = [_ruled(conn, choice, by_name.get(choice.name)) for choice in choices]
        may_track = bool(job.owner_url) or who["may_create"]
        return Proposal(who["database"], who["role"], ruled, may_track, _logged(job))


def _logged(job: Job) -> bool:
    """Whether the owner's role could follow the log as the server is now."""
    with Source.of_owner(job).connect(application="neaptide init") as conn, conn.transaction():
        row = conn.execute(statements.get("wal", "may_replicate")).fetchone()
    return bool(row and row["may"] and row["logical"])


def _affordable(choices: list[Choice], ready: set[str], *, track: bool) -> list[Choice]:
    affordable = [
        ways.in_place(one) if one.name in ready else one if track else ways.for_a_reader(one) for one in choices
    ]
    return [ways.never_dear_in_silence(one) for one in affordable]


def _in_place(conn: Connection, job: Job, choices: list[Choice]) -> set[str]:
    """The names of the tables that have what the proposed modes need."""
    wanted = [one.values for one in choices if not (one.off or one.whole)]
    try:
        if not wanted or not readiness.tombstones_readable(conn):
            return set()
    except errors.AccessDenied:
        return set()
    listing = catalogue.look(conn, _with_tables(job.settings, wanted))
    return {table.source_name for table in listing.tables if not table.lack}


def _ruled(conn: Connection, choice: Choice, table: Table | None) -> Choice:
    """The choice with the rule `text` for columns that hold values DuckDB's type can't, among the first rows."""
    lossy = [plan for plan in table.columns if plan.lossy_sql] if table and table.holds_rows else []
    if table is None or not lossy:
        return choice
    fields = ", ".join(f"bool_or({plan.lossy_sql}) AS n{n}" for n, plan in enumerate(lossy))
    try:
        with conn.transaction():
            query = f"SELECT {fields} FROM (SELECT * FROM {table.quoted} LIMIT {_LOOKED_AT}) AS looked"
            row = conn.execute(query.encode()).fetchone() or {}
    except psycopg.Error:
        # Locked, or too slow: the first sync names the row.
        return choice
    lost = [plan for n, plan in enumerate(lossy) if row[f"n{n}"]]
    if not lost:
        return choice
    names = ", ".join(f"{plan.name} (else {plan.duckdb_type})" for plan in lost)
    reason = f"Values were found that DuckDB's type can't hold, so these columns are kept as text: {names}."
    values = {**choice.values, "rules": {plan.name: "text" for plan in lost}}
    return replace(choice, values=values, reasons=(*choice.reasons, reason))


def _name(row: dict[str, Any]) -> str:
    return quoting.join_name(row["schema"], row["name"])


def _keys(conn: Connection, rows: list[dict[str, Any]]) -> dict[int, list[list[str]]]:
    keys: dict[int, list[list[str]]] = {}
    for row in conn.execute(statements.get("catalogue", "unique_keys"), {"relids": [row["relid"] for row in rows]}):
        keys.setdefault(row["relid"], []).append(row["columns"])
    return keys


def _entry(row: dict[str, Any], unique: list[list[str]]) -> dict[str, Any]:
    """The entry to look at the table with; a key is named where the catalogue may know of no primary one."""
    return {"name": _name(row), **({"unique": unique[0]} if unique and row["kind"] in "rp" else {})}


def _looked(conn: Connection, job: Job, entries: list[dict[str, Any]]) -> tuple[Listing, dict[str, dict[str, Any]]]:
    """What the catalogue says, with new names for what DuckDB could not tell from another, by the source's name."""
    renamed = _new_names(entries, job.settings.target_path.stem)
    tables = [{"name": entry["name"], **renamed.get(entry["name"], {})} for entry in entries]
    listing = catalogue.look(conn, _with_tables(job.settings, tables))
    lacking = {table.source_name for table in listing.tables if not table.source_key and table.holds_rows}
    keyed = [
        {**table, **({"key": entry["unique"]} if table["name"] in lacking and "unique" in entry else {})}
        for table, entry in zip(tables, entries, strict=True)
    ]
    return catalogue.look(conn, _with_tables(job.settings, keyed)), renamed


def _with_tables(settings: config.Settings, tables: list[dict[str, Any]]) -> config.Settings:
    return settings.model_copy(update={"tables": [config.Table(**table) for table in tables], "exclude": []})


def _new_names(entries: list[dict[str, Any]], stem: str) -> dict[str, dict[str, Any]]:
    """Another schema for a reserved one, and a number for each but the first of several names that fold alike."""
    renames: dict[str, dict[str, Any]] = {}
    taken: set[tuple[str, str]] = set()
    schemas: dict[str, str] = {}
    for entry in entries:
        schema, name = quoting.split_name(entry["name"])
        other = schema if patterns.problem((schema, name), stem) is None else f"source_{schema}"
        while schemas.setdefault(quoting.fold(other), schema) != schema:
            other += "_2"
        new, number = name, 1
        while (quoting.fold(other), quoting.fold(new)) in taken:
            number += 1
            new = f"{name}_{number}"
        taken.add((quoting.fold(other), quoting.fold(new)))
        if (other, new) != (schema, name):
            renames[entry["name"]] = {"rename": quoting.join_name(other, new)}
    return renames


def _choice(row: dict[str, Any], tables: dict[str, Table], listing: Listing, entry: dict[str, Any]) -> Choice:
    name = _name(row)
    choice = Choice(
        name, row["rows"], row["bytes"], {"name": name, **_renaming(entry)}, own=row["own"], view=row["kind"] in _KINDS
    )
    table = tables.get(name)
    if table is None:
        file_name = quoting.join_name(*quoting.split_name(entry.get("rename", name)))
        error = listing.failures.get(file_name) or errors.Bug(f"{name} was not looked at")
        return replace(
            choice, off=True, group=_refused(error), reasons=(f"Can't be synced: {error.message}.", error.hint or "")
        )
    choice = replace(choice, columns=tuple(_told_columns(table)))
    if row["kind"] in _KINDS:
        what = f"{_KINDS[row['kind']]}, so it can only be compared whole each time"
        return _whole(choice, what, group="left out: views and foreign tables are read whole; turn on what you need")
    if table.parts and row["kind"] == "r":
        return _whole(choice, "other tables inherit from it, past its triggers; it has their rows, too")
    if row["child"]:
        return _whole(
            choice, "it inherits from a table that has its rows already", group="left out: copied with another"
        )
    return _tracked(choice, row, table)


def _renaming(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key == "rename"}


def _refused(error: errors.NeaptideError) -> str:
    return "left out: you may not read them" if isinstance(error, errors.AccessDenied) else "left out: can't be copied"


def _whole(choice: Choice, reason: str, *, group: str = "") -> Choice:
    """Compared whole; with a `group` of its own it is left out."""
    sentence = f"It is {reason}." if reason.startswith("a ") else f"{reason[0].upper()}{reason[1:]}."
    return replace(
        choice,
        off=bool(group),
        group=group or ways.WHOLE,
        values={**choice.values, "watermark": "none"},
        reasons=(*choice.reasons, sentence),
    )


def _tracked(choice: Choice, row: dict[str, Any], table: Table) -> Choice:
    """A table that triggers can follow."""
    if not table.source_key:
        what = "it has no primary key and no unique index on NOT NULL columns, so all of it is compared each time"
        return replace(_whole(choice, f"{what}; a key would let it be followed"), group=ways.KEYLESS)
    values: dict[str, Any] = {} if table.spec.key is None else {"key": list(table.spec.key)}
    key = f"Key ({', '.join(table.source_key)})."
    if any(forms.shows_names(info.type) for info in table.key_infos()):
        what = "its key holds names of objects, which change without a write, so all of it is compared each time"
        return _whole(replace(choice, values={**choice.values, **values}, reasons=(key,)), what)
    stamp, reason = _stamp(table)
    if stamp is None and row["bytes"] <= SMALL:
        what = (
            "it is small and has no stamp that a trigger keeps, so comparing all of it costs least and changes nothing"
        )
        return _whole(replace(choice, values={**choice.values, **values}, reasons=(key,)), what)
    mode = {"watermark": "updated_at", "stamp": stamp} if stamp else {"watermark": "xid"}
    return replace(
        choice,
        values={**choice.values, **values, **mode, "deletes": "tombstone"},
        group="followed by a stamp of theirs" if stamp else f"followed by a new column {XID_COLUMN}",
        reasons=(key, reason, *_subscribed(table)),
    )


def _subscribed(table: Table) -> list[str]:
    """What is else for a table that a subscription fills."""
    if not table.subscribed:
        return []
    return ["Logical replication writes it: `neaptide track` adds triggers that fire for that, too, row by row."]


def _stamp(table: Table) -> tuple[str | None, str]:
    """The column to use as it is or with one trigger more, or None; and why."""
    kinds = {info.name: info.type.resolved.name for info in table.infos}
    usable = [
        Stamp(name, modes.BY_CLOCK.name, zoned=kinds[name] == "timestamptz")
        for name in kinds
        if kinds[name] in modes.BY_CLOCK.stamp_types
    ]
    choice = _stamped(table, usable) or _half_kept(table, usable)
    if choice:
        return choice
    column = next((stamp.column for stamp in usable if stamp.column in _NAMES), None)
    why = (
        f"No trigger keeps {column}, so writers may set any time and it is left alone"
        if column
        else "No column is a stamp"
    )
    return None, f"{why}: `neaptide track` adds the column {XID_COLUMN}, an index on it and a trigger that keeps it."


def _stamped(table: Table, usable: list[Stamp]) -> tuple[str, str] | None:
    """A column that a trigger of its owner's keeps, whether or not in every session."""
    events = (triggers.INSERT, triggers.UPDATE)
    stamps = [stamp for stamp in usable if all(triggers.meant(table.triggers, stamp, event) for event in events)]
    if not stamps:
        return None
    ours = {trigger.function for trigger in table.triggers if trigger.current}
    always = not any(triggers.fault(table.triggers, stamps[0], event, ours) for event in events)
    sentence = f"A trigger keeps {stamps[0].column} on INSERT and UPDATE"
    if always:
        return stamps[0].column, f"{sentence}: it is used as it is."
    return stamps[0].column, (
        f"{sentence}: `neaptide track` adds one that keeps it in every session, in one that replicates or has another"
        " search_path, too."
    )


def _half_kept(table: Table, usable: list[Stamp]) -> tuple[str, str] | None:
    half = next((stamp.column for stamp in usable if triggers.meant(table.triggers, stamp, triggers.UPDATE)), None)
    if half is None:
        return None
    return half, (
        f"A trigger keeps {half} on UPDATE only, so INSERT may set any time: `neaptide track` adds a trigger that"
        " stamps both."
    )


def _told_columns(table: Table) -> list[str]:
    """What becomes of the columns that are not the same type in DuckDB."""
    return [
        f"{info.name} {info.type_name}: {plan.note.split(';')[0]}"
        for info, plan in zip(table.copied, table.columns, strict=True)
        if not plan.lossless or plan.note.split(";")[0] != "exact"
    ]
