"""What every feed hands on of one table: rows that are new or changed, and keys that are gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.tables.table import Table

# Fewer rows are applied sooner by one thread: to start and end others takes 10 ms, and they insert more slowly.
_MANY = 1_000_000


@dataclass(frozen=True)
class Into:
    """Where changes of one table are read to, and what they may be.

    `label` tells their tables from those of others that are there at the same time; they are the caller's to drop. More
    rows may be gone than the table's entry allows, also when compared with the `published` file, with `force_deletes`.
    """

    session: DuckSession
    label: str
    force_deletes: bool = False
    published: Path | None = None


@dataclass(frozen=True)
class Changes:
    """The changes of one table, in two tables of a session: new versions of rows, and keys that are gone.

    `rows` and `keys` are how many there are of each.
    """

    changed: str
    gone: str
    rows: int
    keys: int


def counted(session: DuckSession, changed: str, gone: str) -> Changes:
    """The changes that stand in these two tables."""
    rows, keys = (session.one(f"SELECT count(*) FROM {name}") for name in (changed, gone))
    return Changes(changed, gone, rows, keys)


def joined(session: DuckSession, table: Table, earlier: Changes, later: Changes, label: str) -> Changes:
    """Both of them, in two tables more, as if all had been read now: where they differ, the later ones are right."""
    key = quoting.listed(table.key)
    columns = quoting.listed(plan.name for plan in table.columns)
    gone_later = f" UNION ALL SELECT {key} FROM {later.gone}" if later.keys else ""
    newer = f"(SELECT {key} FROM {later.changed}{gone_later})"
    rows = f"SELECT {columns} FROM {earlier.changed} ANTI JOIN {newer} USING ({key})"
    keys = f"SELECT {key} FROM {earlier.gone} ANTI JOIN {later.changed} USING ({key})"
    changed, gone = f"temp.both_changed_{label}", f"temp.both_gone_{label}"
    count = make(session, changed, f"SELECT {columns} FROM {later.changed} UNION ALL {rows}")
    left = make(session, gone, f"SELECT {key} FROM {later.gone}" + (f" UNION ALL {keys}" if earlier.keys else ""))
    return Changes(changed, gone, count, left)


def make(session: DuckSession, name: str, rows: str) -> int:
    """A temporary table of what the SELECT `rows` finds, and how many there are; the name begins with `temp.`."""
    return int(session.one(f"CREATE TEMP TABLE {bare(name)} AS {rows}"))


def drop(session: DuckSession, changes: Changes) -> None:
    """Free their two tables."""
    for name in (changes.changed, changes.gone):
        session.execute(f"DROP TABLE IF EXISTS {bare(name)}")


def bare(name: str) -> str:
    """The name as a statement wants it that makes or drops a temporary table."""
    return name.removeprefix("temp.")


def take_threads(session: DuckSession, rows: int) -> None:
    """As many threads as it is worth to compare and apply so many rows with."""
    session.use_threads(None if rows > _MANY else 1)
