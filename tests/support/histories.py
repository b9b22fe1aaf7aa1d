"""What the history of a table has to be, replayed in plain Python from what the source held at each run."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

from jobs import faults
from tests.support.syncing import Lab, column_names

SEED = os.environ.get("NEAPTIDE_SEED")
# What is written to a table `t` of the columns id, n and note, for two keys and a number that are drawn.
WRITES = (
    "INSERT INTO {t} VALUES ({a}, {n}, 'new') ON CONFLICT (id) DO UPDATE SET n = excluded.n",
    "INSERT INTO {t} SELECT g, {n} FROM generate_series({a}, {b}) AS g ON CONFLICT DO NOTHING",
    "UPDATE {t} SET n = {n} WHERE id = {a}",
    "UPDATE {t} SET n = n % 3 WHERE id IN ({a}, {b})",
    "UPDATE {t} SET n = n",
    "UPDATE {t} SET note = NULL WHERE id >= {a}",
    "DELETE FROM {t} WHERE id = {a}",
    "DELETE FROM {t} WHERE id >= {a}",
    "WITH gone AS (DELETE FROM {t} WHERE id = {a}) INSERT INTO {t} SELECT {b} + 20, {n} ON CONFLICT DO NOTHING",
    "UPDATE {t} SET id = {b} + 10 WHERE id = {a} AND NOT EXISTS (SELECT FROM {t} WHERE id = {b} + 10)",
)
KILLS = [point for point in faults.POINTS if point not in ("before_freshness", "after_freshness")]
State = dict[str, tuple[str, ...]]
# Row, operation, the attempt that began it, the attempt that ended it, and how it ended.
Version = tuple[tuple[str, ...], str, int, int | None, str | None]


@contextmanager
def seeded(file: str) -> Iterator[random.Random]:
    """What a story is drawn from; of one that ends badly how to hear it again."""
    seed = int(SEED) if SEED else random.randrange(2**32)
    try:
        yield random.Random(seed)
    except BaseException as error:
        error.add_note(f"again with: NEAPTIDE_SEED={seed} pytest tests/integration/{file}")
        raise


@dataclass(frozen=True)
class Attempt:
    """One run: between which moments of the clock it took its snapshot, what the source held, what it is marked with.

    Of one that was killed nobody knows whether it counts: `certain` is False. No mark is meant for the keys `told`.
    """

    since: datetime
    until: datetime
    states: dict[str, State]
    mark: str = ""
    certain: bool = True
    told: frozenset[str] = frozenset()

    def said(self, key: str, word: str) -> str:
        """What a version says that begins or ends by this attempt."""
        return word if key in self.told else self.mark or word


@dataclass
class Replay:
    """All attempts so far. The key is the first column.

    `keeping` are tables whose deleted rows stay in the file, `marked` those with a column "gone" that marks them.
    """

    lab: Lab
    tables: list[str]
    attempts: list[Attempt] = field(default_factory=list)
    keeping: frozenset[str] = frozenset()
    marked: frozenset[str] = frozenset()

    def state(self, table: str) -> State:
        """What the file is to hold of what the source holds, by key."""
        with self.lab.connect() as conn:
            names = column_names(conn, table)
        gone = names.index("gone") if table in self.marked else None
        return {str(row[0]): row for row in self.lab.source_rows(table) if gone is None or row[gone] != "true"}

    def begun(self) -> Attempt:
        """An attempt that is about to begin; nobody writes until it is noted."""
        now = datetime.now(UTC)
        return Attempt(now, now, {table: self.state(table) for table in self.tables})

    def note(self, attempt: Attempt, **given: Any) -> None:
        """It is over."""
        self.attempts.append(replace(attempt, until=datetime.now(UTC), **given))

    def checked(self) -> None:
        """The file is the source's, and the histories are the model's."""
        self.lab.assert_equal()
        self.check()

    def check(self) -> None:
        """Every version in the file is the model's, and it has no other."""
        for table in self.tables:
            found = sorted(self._found(table), key=repr)
            expected = [sorted(one, key=repr) for one in self._possible(table)]
            assert found in expected, _told(table, found, expected)

    def _possible(self, table: str) -> Iterator[list[Version]]:
        doubtful = [place for place, one in enumerate(self.attempts) if not one.certain]
        for counted in product((True, False), repeat=len(doubtful)):
            left_out = {place for place, counts in zip(doubtful, counted, strict=True) if not counts}
            attempts = [(n, one) for n, one in enumerate(self.attempts) if n not in left_out]
            yield _replayed(table, attempts, keeps=table in self.keeping)

    def _found(self, table: str) -> Iterator[Version]:
        _schema, name = table.split(".")
        with self.lab.connect() as conn, self.lab.published() as file:
            columns = ", ".join(f'"{column}"::VARCHAR' for column in column_names(conn, table))
            file.execute("SET TimeZone = 'UTC'")
            rows = file.execute(
                f"SELECT valid_from, valid_to, operation, ended_by, is_current, {columns} FROM history.{name}"
            ).fetchall()
        for since, until, operation, ended_by, current, *values in rows:
            assert current == (until is None)
            assert (until is None) == (ended_by is None)
            yield tuple(values), operation, self._place(since), until and self._place(until), ended_by

    def _place(self, moment: datetime) -> int:
        return next(n for n, one in enumerate(self.attempts) if one.since <= moment <= one.until)


def _replayed(table: str, attempts: list[tuple[int, Attempt]], *, keeps: bool) -> list[Version]:
    alive: dict[str, tuple[tuple[str, ...], str, int]] = {}
    done: list[Version] = []
    first = True
    for place, one in attempts:
        now = one.states[table]
        if keeps:
            now = {key: row for key, (row, *_) in alive.items()} | now
        for key in [key for key in alive if alive[key][0] != now.get(key)]:
            row, operation, since = alive[key]
            done.append((row, operation, since, place, one.said(key, "update" if key in now else "delete")))
            if key not in now:
                del alive[key]
        for key, row in now.items():
            if key not in alive:
                alive[key] = (row, "load" if first else one.said(key, "insert"), place)
            elif alive[key][0] != row:
                alive[key] = (row, one.said(key, "update"), place)
        first = False
    return done + [(row, operation, since, None, None) for row, operation, since in alive.values()]


def _told(table: str, found: list[Version], expected: list[list[Version]]) -> str:
    nearest = min(expected, key=lambda one: len(set(one) ^ set(found)))
    extra, missing = sorted(set(found) - set(nearest), key=repr), sorted(set(nearest) - set(found), key=repr)
    doubled = sorted((one for one in set(found) if found.count(one) > 1), key=repr)
    return f"{table}: too many {short(extra)}, missing {short(missing)}, twice {short(doubled)}"


def short(versions: list[Version]) -> str:
    """Them with no more of a long text than tells it from others."""
    return re.sub(r"((.)\2{9})\2+", lambda found: f"{found[1]}…{len(found[0])}", repr(versions))
