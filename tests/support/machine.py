"""Several sessions that write at random, and syncs in between: a Hypothesis state machine."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app import errors
from jobs.sessions import OpenSessions
from jobs.source import slots
from tests.support.events import telling
from tests.support.syncing import Lab

SPECS: list[dict[str, Any]] = [
    {"name": "public.stamped"},
    {"name": "public.counted", "watermark": "xid"},
    {"name": "public.compared", "deletes": "compare"},
    {"name": "public.parted"},
    {"name": "public.whole", "watermark": "none"},
    {"name": "public.logged", "feed": "wal"},
    {"name": "public.logged_parts", "feed": "wal"},
    # It has no triggers of ours: what events miss, no sweep finds.
    {"name": "public.told", "feed": "events", "watermark": "none"},
]
TABLES = tuple(spec["name"].removeprefix("public.") for spec in SPECS)
PARTED = ("parted", "logged_parts")
SETUP = (
    *(
        f"CREATE TABLE {name} (id int PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE, n int, note text)"
        for name in ("compared", "whole")
    ),
    *(
        f"CREATE TABLE {name} (id int PRIMARY KEY, n int, note text)"
        for name in ("stamped", "counted", "logged", "told")
    ),
    *(
        statement
        for name in PARTED
        for statement in (
            f"CREATE TABLE {name} (id int PRIMARY KEY, n int, note text) PARTITION BY RANGE (id)",
            f"CREATE TABLE {name}_low PARTITION OF {name} FOR VALUES FROM (MINVALUE) TO (4)",
            f"CREATE TABLE {name}_high PARTITION OF {name} FOR VALUES FROM (4) TO (MAXVALUE)",
        )
    ),
)
# A partition that is written to while it is none.
APART = (
    "ALTER TABLE {t} DETACH PARTITION {t}_low; UPDATE {t}_low SET n = {n}; DELETE FROM {t}_low WHERE id = {a};"
    " ALTER TABLE {t} ATTACH PARTITION {t}_low FOR VALUES FROM (MINVALUE) TO (4)"
)
WRITES = {
    "insert": "INSERT INTO {t} (id, n) VALUES ({a}, {n})",
    "insert several": "INSERT INTO {t} (id, n) SELECT g, {n} FROM generate_series({a}, {b}) AS g",
    "update": "UPDATE {t} SET n = {n} WHERE id = {a}",
    "update all": "UPDATE {t} SET n = n",
    "upsert": "INSERT INTO {t} (id, n) VALUES ({a}, {n}) ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1000",
    "merge": "MERGE INTO {t} AS t USING (VALUES ({a}), ({b})) AS s (id) ON t.id = s.id"
    " WHEN MATCHED AND t.n % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = {n}"
    " WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, {n})",
    "delete": "DELETE FROM {t} WHERE id = {a}",
    "delete several": "DELETE FROM {t} WHERE id >= {a}",
    "delete and insert": "WITH gone AS (DELETE FROM {t} WHERE id = {a}) INSERT INTO {t} (id, n) VALUES ({b} + 10, {n})",
    "key change": "UPDATE {t} SET id = {b} WHERE id = {a}",
    "swap": "UPDATE {t} SET id = {a} + {b} - id WHERE id IN ({a}, {b})",
    "caught": "DO $x$ BEGIN DELETE FROM {t} WHERE id = {a}; PERFORM 1 / 0;"
    " EXCEPTION WHEN division_by_zero THEN UPDATE {t} SET note = 'caught' WHERE id = {b}; END $x$",
    "only an id": "SELECT pg_current_xact_id()",
    "truncate": "TRUNCATE {t}",
}
KEYS = st.integers(0, 7)
SESSIONS = st.integers(0, 3)
TABLE = st.sampled_from(TABLES)
AT_ONCE = st.sampled_from(["delete", "insert", "key change"])
ROWS = ("insert", "insert several", "update", "update all", "upsert", "merge", "caught")


class Machine(RuleBasedStateMachine):
    """Every rule is one statement of one session, or a sync. `url` is an empty database, prepared by `set_up`."""

    url: ClassVar[str] = ""
    syncs: ClassVar[int] = 0
    writes: ClassVar[int] = 0

    @classmethod
    def set_up(cls, url: str) -> None:
        """Make the tables."""
        cls.url = url
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(url, Path(folder), SPECS)
            lab.run(*SETUP)
            lab.track()
            lab.run(*telling("public.told", "id"), f"DROP PUBLICATION {lab.job.files.slot}")
            lab.run(f"SELECT pg_drop_replication_slot('{lab.job.files.slot}')")

    @initialize()
    def begin(self) -> None:
        """A few rows, a new file, four sessions."""
        self.open = ExitStack()
        folder = Path(self.open.enter_context(tempfile.TemporaryDirectory()))
        self.lab = Lab(self.url, folder, SPECS, source={"lock_timeout": "50ms"})
        # Each file has a slot of its own.
        self.lab.track()
        self.slot = self.lab.job.files.slot
        for table in TABLES:
            self.lab.run(f"TRUNCATE {table}", f"INSERT INTO {table} SELECT g, g FROM generate_series(0, 4) AS g")
        self.sessions = [self._session() for _ in range(4)]
        self.savepoints: list[list[str]] = [[] for _ in self.sessions]
        self.prepared: list[str] = []
        self.number = 0
        self.kept = OpenSessions()
        self.open.callback(self.kept.close)

    def _session(self) -> psycopg.Connection[Any]:
        session = self.open.enter_context(self.lab.connect(autocommit=False))
        session.execute("SET lock_timeout = '20ms'")
        session.commit()
        return session

    def _do(self, place: int, statement: str) -> bool:
        """Execute; a failed statement is rolled back to the last savepoint, or with its transaction."""
        session, points = self.sessions[place], self.savepoints[place]
        try:
            session.execute(statement.encode())
            return True
        except psycopg.Error:
            if points:
                session.execute(f"ROLLBACK TO SAVEPOINT {points[-1]}".encode())
            else:
                session.rollback()
            return False

    @rule(place=SESSIONS, table=TABLE, what=st.sampled_from(ROWS), a=KEYS, b=KEYS)
    def write_rows(self, place: int, table: str, what: str, a: int, b: int) -> None:
        """One statement that writes rows under the keys they have."""
        self._write(place, table, what, a, b)

    @rule(
        place=SESSIONS, table=TABLE, what=st.sampled_from([name for name in WRITES if name not in ROWS]), a=KEYS, b=KEYS
    )
    def write_keys(self, place: int, table: str, what: str, a: int, b: int) -> None:
        """One statement that takes keys away or changes them."""
        self._write(place, table, what, a, b)

    @rule(place=SESSIONS, table=TABLE, what=AT_ONCE, a=KEYS, b=KEYS, then=st.booleans())
    def write_at_once(self, place: int, table: str, what: str, a: int, b: int, then: bool) -> None:
        """One statement with a transaction of its own around it, unless one is open."""
        self._write(place, table, what, a, b)
        self.end(place, "commit", then)

    def _write(self, place: int, table: str, what: str, a: int, b: int) -> None:
        self.number += 1
        if what == "swap" and table in ("compared", "whole"):
            self._do(place, "SET CONSTRAINTS ALL DEFERRED")
        self._do(place, WRITES[what].replace("{t}", table).format(a=a, b=b, n=self.number))
        type(self).writes += 1

    @rule(place=SESSIONS, table=st.sampled_from(PARTED), a=KEYS, then=st.booleans())
    def write_apart(self, place: int, table: str, a: int, then: bool) -> None:
        """A partition is detached, changed, and attached again."""
        self.number += 1
        self._do(place, APART.replace("{t}", table).format(a=a, n=self.number))
        self.end(place, "commit", then)

    @rule(place=SESSIONS)
    def savepoint(self, place: int) -> None:
        """Nested in those before it."""
        self.number += 1
        name = f"s{self.number}"
        if self._do(place, f"SAVEPOINT {name}"):
            self.savepoints[place].append(name)

    @precondition(lambda self: any(self.savepoints))
    @rule(place=SESSIONS, release=st.booleans(), depth=st.integers(0, 3))
    def end_savepoint(self, place: int, release: bool, depth: int) -> None:
        """Release it, or roll back to it; those inside it go with it."""
        points = self.savepoints[place]
        if not points:
            return
        at = max(0, len(points) - 1 - depth)
        if self._do(place, f"{'RELEASE' if release else 'ROLLBACK TO'} SAVEPOINT {points[at]}"):
            del points[at if release else at + 1 :]

    @rule(place=SESSIONS, how=st.sampled_from(["commit", "commit", "rollback"]), then=st.booleans())
    def end(self, place: int, how: str, then: bool) -> None:
        """End the transaction; constraints that were deferred may still refuse it. Hypothesis leaves whole rules out
        of a story, so a sync is a part of this one too."""
        self.savepoints[place].clear()
        with suppress(psycopg.Error):
            getattr(self.sessions[place], how)()
        if then:
            self.sync("", kept=True)

    @rule(place=SESSIONS)
    def prepare(self, place: int) -> None:
        """The first half of a two-phase commit; without an id it would be nothing."""
        if len(self.prepared) > 3:
            return
        self.number += 1
        name = f"m{id(self)}_{self.number}"
        session = self.sessions[place]
        self.savepoints[place].clear()
        try:
            session.execute("SELECT 1")
            session.execute(f"PREPARE TRANSACTION '{name}'".encode())
            self.prepared.append(name)
        except psycopg.Error:
            session.rollback()
        else:
            session.rollback()

    @precondition(lambda self: self.prepared)
    @rule(which=st.integers(0, 3), how=st.sampled_from(["COMMIT", "ROLLBACK"]))
    def end_prepared(self, which: int, how: str) -> None:
        """The second half."""
        name = self.prepared.pop(which % len(self.prepared))
        self.lab.run(f"{how} PREPARED '{name}'")

    @rule(some=st.sampled_from(["", "", "", *TABLES]), kept=st.sampled_from([True, True, True, False]))
    def sync(self, some: str, kept: bool) -> None:
        """A run, after which each table equals the source; where a TRUNCATE holds one, the run gives up.

        Most are of one process that keeps its sessions, as a daemon does, some of others.
        """
        type(self).syncs += 1
        self.lab.keep = self.kept if kept else None
        tables = [f"public.{some}"] if some and self.lab.job.files.published else None
        try:
            run = self.lab.sync(tables=tables, force_deletes=True)
        except errors.SourceTimeout:
            return
        if not run.failed:
            self.lab.assert_equal(*(tables or ()))

    def teardown(self) -> None:
        """End everything; a last sync must bring all of it over."""
        if not hasattr(self, "sessions"):
            return
        try:
            for session in self.sessions:
                session.rollback()
            for name in self.prepared:
                self.lab.run(f"ROLLBACK PREPARED '{name}'")
            for key in range(100, 103):
                # Each of the two files has its turn.
                self.lab.run(*(f"INSERT INTO {table} (id) VALUES ({key})" for table in TABLES))
                self.lab.sync(force_deletes=True)
                self.lab.assert_equal()
        finally:
            self.open.close()
            self.lab.run(f"DROP PUBLICATION IF EXISTS {self.slot}")
            with self.lab.connect() as conn:
                slots.drop(conn, self.slot)
