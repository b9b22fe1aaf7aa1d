"""Where a history lies in the file, and what it is made of.

Two tables of Neaptide's are only ever added to: versions, and ends of versions. So a run writes what changed and reads
nothing else of them, however many there are (measured: to write the end into a version of 5 M costs five times as much
as the run). The view `history.NAME` puts the two together, and the macro `history.NAME_at` says what was valid when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app import statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.record.history import Column, SavedHistory
from jobs.tables.table import Table

SCHEMA = "history"
# What each version carries, beside the table's columns; the end is written here when all versions are written anew.
_OF_VERSION = (
    ("valid_from", "TIMESTAMPTZ"), ("valid_to", "TIMESTAMPTZ"), ("operation", "VARCHAR"), ("ended_by", "VARCHAR"),
)  # fmt: skip
_OF_END = (("valid_from", "TIMESTAMPTZ"), ("valid_to", "TIMESTAMPTZ"), ("ended_by", "VARCHAR"))


@dataclass(frozen=True)
class Place:
    """The quoted names of one table's history in the file that is attached under the name `catalog`."""

    name: str
    catalog: str = "out"

    @property
    def versions(self) -> str:
        """Every version, as it began."""
        return self._of("neaptide", f"{self.name} versions")

    @property
    def bare_versions(self) -> str:
        """The same without its schema, as a rename takes it."""
        return quoting.identifier(f"{self.name} versions")

    @property
    def bare_ends(self) -> str:
        """As `bare_versions`."""
        return quoting.identifier(f"{self.name} ends")

    @property
    def ends(self) -> str:
        """When versions ended, by key and beginning."""
        return self._of("neaptide", f"{self.name} ends")

    @property
    def view(self) -> str:
        """Both of them put together: for readers."""
        return self._of(SCHEMA, self.name)

    @property
    def macro(self) -> str:
        """What was valid when."""
        return self._of(SCHEMA, f"{self.name}_at")

    def _of(self, schema: str, name: str) -> str:
        return f"{self.catalog}.{quoting.qualified(schema, name)}"


def of(table: str, catalog: str = "out") -> Place:
    """The history of the table of this name."""
    return Place(quoting.split_name(table)[1], catalog)


def made_of(table: Table) -> tuple[Column, ...]:
    """The columns of a history that begins with the table as it is."""
    return tuple(
        Column(plan.name, plan.duckdb_type, info.attnum) for info, plan in zip(table.copied, table.columns, strict=True)
    )


def create(file: DuckSession, saved: SavedHistory) -> None:
    """Empty tables, in place of any that are there."""
    place = of(saved.table)
    remove(file, saved.table)
    file.execute(f"CREATE SCHEMA IF NOT EXISTS out.{SCHEMA}")
    create_versions(file, place.versions, saved)
    kinds = {column.name: column.kind for column in saved.columns}
    file.execute(
        f"CREATE TABLE {place.ends} ({_defined(file, [(name, kinds[name]) for name in saved.key], (), _OF_END)})"
    )


def create_versions(file: DuckSession, name: str, saved: SavedHistory) -> None:
    """An empty table of versions under another name."""
    columns = [(column.name, column.kind) for column in saved.columns]
    file.execute(f"CREATE TABLE {name} ({_defined(file, columns, saved.key, _OF_VERSION)})")


def show(file: DuckSession, saved: SavedHistory) -> None:
    """Let readers see it: the view, and the macro."""
    place, key = of(saved.table), saved.key
    columns = ", ".join(f"v.{quoting.identifier(column.name)}" for column in saved.columns)
    same = " AND ".join(f"v.{name} = e.{name}" for name in map(quoting.identifier, (*key, "valid_from")))
    valid_to = "coalesce(e.valid_to, v.valid_to)"
    file.execute(
        f"CREATE OR REPLACE VIEW {place.view} AS SELECT {columns}, v.valid_from, {valid_to} AS valid_to,"
        f" {valid_to} IS NULL AS is_current, v.operation, coalesce(e.ended_by, v.ended_by) AS ended_by"
        f" FROM {_local(place.versions)} AS v LEFT JOIN {_local(place.ends)} AS e ON {same}"
    )
    _make_macro(file, place, saved)


def _make_macro(file: DuckSession, place: Place, saved: SavedHistory) -> None:
    """A macro looks its tables up from where it is called, so it is made in the file itself.

    That a moment is too early is looked at beside the rows: a condition of the reader's that no row meets would keep
    DuckDB from ever looking, and an empty answer is what such a reader would get.
    """
    then = quoting.literal(max(saved.begun, saved.forgotten or saved.begun).isoformat())
    message = quoting.literal(f"history.{place.name} reaches back to {then[1:-1]}")
    early = f"CASE WHEN moment < TIMESTAMPTZ {then} THEN error({message})"
    shown = [column for column in saved.columns if column.place is not None]
    # Each with its table: by itself a name is the macro's parameter, where a column is called like that.
    columns = ", ".join(f"h.{quoting.identifier(column.name)}" for column in shown)
    nothing = ", ".join(f"CAST({early} END AS {column.kind})" for column in shown)
    file.execute(statements.get("engine", "enter"))
    file.execute(
        f"CREATE OR REPLACE MACRO {place.macro}(moment) AS TABLE SELECT {columns} FROM {_local(place.view)} AS h"
        f" WHERE h.valid_from <= moment AND (h.valid_to IS NULL OR h.valid_to > moment)"
        f" UNION ALL SELECT {nothing} WHERE {early} ELSE false END"
    )
    file.execute(statements.get("engine", "leave"))


def remove(file: DuckSession, table: str) -> None:
    """Drop all of it, if it is there."""
    place = of(table)
    if file.has(_local(place.versions)):
        _hide(file, place)
        file.execute(f"DROP TABLE IF EXISTS {place.ends}")
        file.execute(f"DROP TABLE IF EXISTS {place.versions}")


def rename(file: DuckSession, before: SavedHistory, now: SavedHistory) -> None:
    """Let it be that of a table of another name."""
    old, new = of(before.table), of(now.table)
    if old.name != new.name:
        _hide(file, old)
        file.execute(f"ALTER TABLE {old.ends} RENAME TO {new.bare_ends}")
        file.execute(f"ALTER TABLE {old.versions} RENAME TO {new.bare_versions}")
        show(file, now)


def _hide(file: DuckSession, place: Place) -> None:
    file.execute(f"DROP MACRO TABLE IF EXISTS {place.macro}")
    file.execute(f"DROP VIEW IF EXISTS {place.view}")


def copy(file: DuckSession, saved: SavedHistory) -> None:
    """Have it as the published file has it, whatever is here."""
    create(file, saved)
    theirs = of(saved.table, "published")
    for here, there in ((of(saved.table).versions, theirs.versions), (of(saved.table).ends, theirs.ends)):
        file.execute(f"INSERT INTO {here} BY NAME SELECT * FROM {there}")
    show(file, saved)


def _local(name: str) -> str:
    """The name as it is within the file."""
    return name.partition(".")[2]


def _defined(
    file: DuckSession, columns: Sequence[tuple[str, str]], key: Sequence[str], more: Sequence[tuple[str, str]]
) -> str:
    return ", ".join(file.defined(name, kind, key) for name, kind in (*columns, *more))
