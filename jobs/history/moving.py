"""The histories of a file as a lake takes them over.

What a lake would change is text there, as in its table. Of older versions that text is DuckDB's own and not
PostgreSQL's, so it stays in a column of its own, as it does where a column's type changes to one with other values.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.history import place, rewriting
from jobs.record import history as ledger
from jobs.record.history import Column, SavedHistory

_TEXT = "VARCHAR"


def take_over(file: DuckSession, changed: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Have the histories of the file that is attached as `published`; what there is to say of them.

    `changed` are the columns that a lake would change, by table.
    """
    histories = ledger.read_published(file)
    if histories:
        ledger.create(file)
    return tuple(note for saved in histories.values() for note in _taken(file, saved, changed.get(saved.table, ())))


def _taken(file: DuckSession, saved: SavedHistory, changed: Collection[str]) -> list[str]:
    if set(changed) & set(saved.key):
        return [f"the history of {saved.table} begins anew: its key would be another in a lake"]
    now = replace(saved, columns=_kept(saved, changed), shape=secrets.token_hex(4) if changed else saved.shape)
    _copy(file, saved, now)
    ledger.write(file, now)
    pairs = [(old.name, new.name) for old, new in zip(saved.columns, now.columns, strict=True) if old != new]
    return [f"the history of {saved.table} keeps {old} as it was, as {new}, in text" for old, new in pairs]


def _kept(saved: SavedHistory, changed: Collection[str]) -> tuple[Column, ...]:
    """The columns, those that are changed as ones that the table has no longer."""
    taken = {quoting.fold(column.name) for column in saved.columns}
    return tuple(
        Column(rewriting.free(column.name, taken), _TEXT, None) if column.name in changed else column
        for column in saved.columns
    )


def _copy(file: DuckSession, saved: SavedHistory, now: SavedHistory) -> None:
    place.create(file, now)
    here, there = place.of(now.table), place.of(saved.table, "published")
    made_of = ", ".join(
        f"CAST({quoting.identifier(old.name)} AS {new.kind}) AS {quoting.identifier(new.name)}"
        for old, new in zip(saved.columns, now.columns, strict=True)
    )
    ended = "valid_from, valid_to, operation, ended_by"
    file.execute(f"INSERT INTO {here.versions} BY NAME SELECT {made_of}, {ended} FROM {there.versions}")
    file.execute(f"INSERT INTO {here.ends} BY NAME FROM {there.ends}")
    place.show(file, now)
