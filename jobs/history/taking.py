"""What the published file knows of a history and the file that is written doesn't: the last run wrote the other one."""

from __future__ import annotations

from dataclasses import dataclass

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.history import place
from jobs.record.history import SavedHistory


@dataclass(frozen=True)
class Theirs:
    """What was taken over, in tables of the session: the `keys` it is of, and the versions that are `alive` there."""

    keys: str
    alive: str


def is_ahead(mine: SavedHistory | None, theirs: SavedHistory | None) -> bool:
    """Whether the published file has more. A run that was killed before it could publish leaves a file with more."""
    return theirs is not None and (mine is None or theirs.moment > mine.moment)


def take_over(file: DuckSession, mine: SavedHistory | None, theirs: SavedHistory, label: str) -> Theirs | None:
    """Have what the published file has; None where all of it was taken, since the two were not written alike."""
    if mine is None or mine.shape != theirs.shape:
        place.copy(file, theirs)
        return None
    key, here, there = quoting.listed(theirs.key), place.of(theirs.table), place.of(theirs.table, "published")
    since = f"TIMESTAMPTZ {quoting.literal(mine.moment.isoformat())}"
    versions, ends, keys, alive = (f"temp.{name}_{label}" for name in ("versions", "ends", "theirs", "alive"))
    changes.make(file, versions, f"SELECT * FROM {there.versions} WHERE valid_from > {since}")
    changes.make(file, ends, f"SELECT * FROM {there.ends} WHERE valid_to > {since}")
    file.execute(f"INSERT INTO {here.versions} BY NAME SELECT * FROM {versions}")
    file.execute(f"INSERT INTO {here.ends} BY NAME SELECT * FROM {ends}")
    changes.make(file, keys, f"SELECT {key} FROM {versions} UNION SELECT {key} FROM {ends}")
    last = f"SELECT * FROM {versions} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY valid_from DESC) = 1"
    changes.make(file, alive, f"SELECT v.* FROM ({last}) AS v ANTI JOIN {ends} AS e USING ({key}, valid_from)")
    for name in (versions, ends):
        file.execute(f"DROP TABLE {changes.bare(name)}")
    return Theirs(keys, alive)


def drop(file: DuckSession, theirs: Theirs) -> None:
    """Free its tables."""
    for name in (theirs.keys, theirs.alive):
        file.execute(f"DROP TABLE IF EXISTS {changes.bare(name)}")
