"""A history written anew: in the columns that its table has now, or without the versions that ended long ago."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jobs import quoting
from jobs.engine import rows
from jobs.engine.session import DuckSession
from jobs.history import place
from jobs.record.history import Column, SavedHistory
from jobs.tables.columns import HISTORY
from jobs.tables.table import Table

_FOLLOWED = ("table", "key", "columns", "config")
_WHERE, _MASK_VERSION = 3, 6


def signature(table: Table) -> dict[str, Any]:
    """The part of the table's signature that its history follows."""
    return {name: table.signature[name] for name in _FOLLOWED}


@dataclass
class Rewrite:
    """What becomes of a history whose table is another one now: its `columns`, each with what it is made of.

    `anew` says why nothing of it may be kept. `altered` are columns whose values are not what they were.
    """

    columns: list[Column] = field(default_factory=list)
    made_of: list[str] = field(default_factory=list)
    altered: set[str] = field(default_factory=set)
    blanked: bool = False
    notes: list[str] = field(default_factory=list)
    anew: str = ""

    def add(self, column: Column, made_of: str, *, altered: bool = False) -> None:
        """One column more."""
        self.columns.append(column)
        self.made_of.append(made_of)
        if altered:
            self.altered.add(column.name)


def planned(file: DuckSession, saved: SavedHistory, table: Table) -> Rewrite | None:
    """How the history follows its table; None where it can stay as it is."""
    if saved.signature == signature(table):
        return None
    rewriting = Rewrite(anew=_hides(saved, table))
    if not rewriting.anew:
        _match(file, saved, table, rewriting)
    return rewriting


def _hides(saved: SavedHistory, table: Table) -> str:
    """Why old versions may be what nobody is to see any more, and can't be told from the others."""
    old, new = saved.signature["config"], table.signature["config"]
    if old[_WHERE] != new[_WHERE]:
        return "where was changed, and can't be asked of old versions"
    before = {column["place"]: column for column in saved.signature["columns"]}
    for info, plan in zip(table.copied, table.columns, strict=True):
        if (
            plan.name in table.key
            and info.name in table.spec.mask
            and _is_masked_anew(before, old, new, info.attnum, table)
        ):
            return f"the key's column {plan.name} is masked now"
    return ""


def _is_masked_anew(before: dict[int, Any], old: list[Any], new: list[Any], number: int, table: Table) -> bool:
    after = next(column for column in table.signature["columns"] if column["place"] == number)
    was = before.get(number)
    if was is None:
        return False
    return bool(
        old[_MASK_VERSION] != new[_MASK_VERSION] or any(was[part] != after[part] for part in ("source", "target"))
    )


def _match(file: DuckSession, saved: SavedHistory, table: Table, rewrite: Rewrite) -> None:
    """A column is known by its number in PostgreSQL; of a table that was made anew, by its name."""
    same_table = saved.signature["table"] == table.signature["table"]
    before = {column["place"]: column for column in saved.signature["columns"]}
    old, new = saved.signature["config"], table.signature["config"]
    unmatched: dict[int | str | None, Column] = {
        column.place if same_table else column.name: column for column in saved.columns if column.place is not None
    }
    for info, plan in zip(table.copied, table.columns, strict=True):
        column = Column(plan.name, plan.duckdb_type, info.attnum)
        mine = unmatched.get(info.attnum if same_table else plan.name)
        if mine is None:
            rewrite.add(column, "NULL", altered=True)
        elif info.name in table.spec.mask and (not same_table or _is_masked_anew(before, old, new, info.attnum, table)):
            # What it was, nobody is to see; what it is, the table has.
            unmatched.pop(mine.place if same_table else mine.name)
            rewrite.blanked = True
            rewrite.add(column, f"CASE WHEN h.valid_to IS NULL THEN t.{quoting.identifier(plan.name)} END")
            rewrite.notes.append(f"{plan.name} is masked now: of versions that ended it is NULL in the history")
        elif mine.kind == plan.duckdb_type or _fits(file, saved, mine, plan.duckdb_type):
            unmatched.pop(mine.place if same_table else mine.name)
            value = f"h.{quoting.identifier(mine.name)}"
            rewrite.add(column, value if mine.kind == plan.duckdb_type else f"CAST({value} AS {plan.duckdb_type})")
        elif plan.name in table.key:
            rewrite.anew = f"the key's column {plan.name} is kept as {plan.duckdb_type} now, which old versions are not"
        else:
            rewrite.add(column, "NULL", altered=True)
    _retire(saved, table, rewrite, {id(column) for column in unmatched.values()})


def _retire(saved: SavedHistory, table: Table, rewrite: Rewrite, unmatched: set[int]) -> None:
    """Columns that the table has no longer stay for the versions that had them, unless the config leaves them out."""
    there = {info.attnum for info in table.infos} - {info.attnum for info in table.copied}
    for column in saved.columns:
        if column.place is not None and id(column) not in unmatched:
            continue
        if column.place in there and saved.signature["table"] == table.signature["table"]:
            rewrite.notes.append(f"{column.name} is not copied any more, and is gone from the history")
            continue
        name = free(column.name, {quoting.fold(one.name) for one in rewrite.columns})
        rewrite.add(Column(name, column.kind, None), f"h.{quoting.identifier(column.name)}")
        if column.place is not None:
            rewrite.notes.append(f"the history keeps {column.name} as it was, as {name}, for the versions that had it")


def free(name: str, taken: set[str]) -> str:
    """A name that no other column has, for one that its table has no longer."""
    while quoting.fold(name) in taken or quoting.fold(name) in HISTORY:
        name += "_old"
    return name


def _fits(file: DuckSession, saved: SavedHistory, column: Column, kind: str) -> bool:
    """Whether each value that the column had is one of the new type, too, and the same."""
    name, versions = quoting.identifier(column.name), place.of(saved.table).versions
    back = f"TRY_CAST(TRY_CAST({name} AS {kind}) AS {column.kind})"
    return not file.one(f"SELECT count(*) FROM {versions} WHERE {name} IS NOT NULL AND {back} IS DISTINCT FROM {name}")


def rewrite(file: DuckSession, saved: SavedHistory, table: Table, plan: Rewrite) -> SavedHistory:
    """Write all versions in the new columns; returns what there is to say of it now."""
    now = replace(saved, columns=tuple(plan.columns), signature=signature(table))
    as_it_is = [f"h.{quoting.identifier(column.name)}" for column in saved.columns]
    if (now.columns, now.key, plan.made_of) == (saved.columns, saved.key, as_it_is):
        return now
    now = replace(now, shape=secrets.token_hex(4))
    made_of = dict(zip((column.name for column in plan.columns), plan.made_of, strict=True))
    same = " AND ".join(f"{made_of[name]} = t.{quoting.identifier(name)}" for name in table.key)
    _write(file, saved, now, plan.made_of, f" LEFT JOIN {rows.out(table)} AS t ON {same}" if plan.blanked else "")
    return now


def forget(file: DuckSession, saved: SavedHistory, until: datetime) -> SavedHistory:
    """Keep only what was valid at that moment or later."""
    now = replace(saved, forgotten=until, shape=secrets.token_hex(4))
    kept_since = f"h.valid_to IS NULL OR h.valid_to > TIMESTAMPTZ {quoting.literal(until.isoformat())}"
    _write(
        file, saved, now, [f"h.{quoting.identifier(column.name)}" for column in saved.columns], f" WHERE {kept_since}"
    )
    return now


def _write(file: DuckSession, before: SavedHistory, now: SavedHistory, made_of: list[str], more: str) -> None:
    """The ends go into the versions on the way, so that none is left apart."""
    here, moved = place.of(before.table), f"out.neaptide.{quoting.identifier('history anew')}"
    file.execute(f"DROP TABLE IF EXISTS {moved}")
    place.create_versions(file, moved, now)
    names = quoting.listed(column.name for column in now.columns)
    file.execute(
        f"INSERT INTO {moved} ({names}, valid_from, valid_to, operation, ended_by)"
        f" SELECT {', '.join(made_of)}, h.valid_from, h.valid_to, h.operation, h.ended_by FROM {here.view} AS h{more}"
    )
    place.create(file, now)
    file.execute(f"DROP TABLE {here.versions}")
    file.execute(f"ALTER TABLE {moved} RENAME TO {here.bare_versions}")
    place.show(file, now)
