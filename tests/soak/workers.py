"""The processes of a soak: those who write, those who read, and the one that syncs until it is killed."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from app import errors
from tests.support import bank, machine
from tests.support.syncing import Lab

SPECS: list[dict[str, Any]] = [*({"name": name} for name in bank.TABLES), *machine.SPECS]
KEYS = 400
# What takes a table from everybody else until the transaction ends, and is done rarely.
_HEAVY = ("truncate", "delete several", "update all")


@dataclass(frozen=True)
class Shared:
    """What every process is given. It notes in files what it did: a process killed with a lock in hand keeps it."""

    url: str
    folder: Path
    over: Event
    notes: Path

    def lab(self) -> Lab:
        return Lab(self.url, self.folder, SPECS, source={"lock_timeout": "500ms"})

    def done(self) -> None:
        """One more."""
        with self.notes.open("ab", buffering=0) as file:
            file.write(b".")

    @property
    def _started(self) -> Path:
        return self.notes.with_name(f"{self.notes.name} started")

    def begun(self) -> None:
        """The process has loaded what it needs."""
        self._started.touch()

    def wait_until_begun(self) -> None:
        """For the next process that says so."""
        until = time.monotonic() + 60
        while not self._started.exists() and time.monotonic() < until:
            time.sleep(0.05)
        self._started.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """How many are done."""
        return self.notes.stat().st_size if self.notes.exists() else 0

    @property
    def _problems(self) -> Path:
        return self.notes.with_name("problems")

    def problem(self, text: str) -> None:
        """Something that must not happen."""
        with self._problems.open("ab", buffering=0) as file:
            file.write(f"{text!r}\n".encode())

    def problems(self) -> list[str]:
        """What must not have happened."""
        return self._problems.read_text().splitlines() if self._problems.exists() else []


def move_money(shared: Shared, seed: int) -> None:
    """Money only moves, so that a reader can tell one whole state from half of one."""
    random.seed(seed)
    with psycopg.connect(shared.url, autocommit=True) as conn:
        while not shared.over.wait(random.expovariate(40)):
            with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                bank.move(conn)
                shared.done()


def write_anything(shared: Shared, seed: int) -> None:
    """Transactions of any length, with savepoints, ended in any way."""
    luck = random.Random(seed)
    with psycopg.connect(shared.url) as conn:
        conn.execute("SET lock_timeout = '200ms'")
        conn.commit()
        number = 0
        while not shared.over.wait(luck.expovariate(20)):
            number += 1
            _transaction(conn, luck, f"soak_{seed}_{number}", shared)
        conn.rollback()


def _transaction(conn: psycopg.Connection[Any], luck: random.Random, name: str, shared: Shared) -> None:
    try:
        for place in range(luck.randint(1, 6)):
            if luck.random() < 0.3:
                conn.execute(f"SAVEPOINT s{place}".encode())
            conn.execute(_statement(luck).encode())
            if luck.random() < 0.1:
                conn.execute(f"ROLLBACK TO SAVEPOINT s{place}".encode())
            shared.over.wait(luck.choice((0, 0, 0, 0.01, 0.1, 1.5)))
        _end(conn, luck, name, shared)
    except psycopg.Error:
        conn.rollback()


def _end(conn: psycopg.Connection[Any], luck: random.Random, name: str, shared: Shared) -> None:
    how = luck.random()
    if how < 0.1:
        conn.rollback()
        return
    if how < 0.15:
        conn.execute(f"PREPARE TRANSACTION '{name}'".encode())
        conn.rollback()
        shared.over.wait(luck.random() * 3)
        conn.autocommit = True
        conn.execute(f"{luck.choice(('COMMIT', 'ROLLBACK'))} PREPARED '{name}'".encode())
        conn.autocommit = False
    else:
        conn.commit()
    shared.done()


def _statement(luck: random.Random) -> str:
    what = luck.choice(list(machine.WRITES))
    if what in _HEAVY and luck.random() < 0.95:
        what = "update"
    a, b = luck.randrange(KEYS), luck.randrange(KEYS)
    text = machine.WRITES[what].replace("{t}", luck.choice(machine.TABLES))
    return text.format(a=a, b=min(b, a + 20) if what == "insert several" else b, n=luck.randrange(10**6))


def read_on(shared: Shared) -> None:
    """Every state that is published is a whole one, and none is older than the one before."""
    path, last = shared.folder / "reporting.duckdb", -1
    while not shared.over.wait(0.2):
        try:
            with duckdb.connect(str(path), read_only=True) as conn:
                state = bank.whole(conn)
        except (duckdb.Error, AssertionError) as error:
            shared.problem(f"a reader: {error}")
            continue
        if state < last:
            shared.problem(f"a reader: went back from state {last} to {state}")
        last = state
        shared.done()


def sync_every_second(shared: Shared) -> None:
    """A run each second; its only excuse is a lock that somebody holds on a table."""
    lab = shared.lab()
    shared.begun()
    while not shared.over.is_set():
        began = time.monotonic()
        try:
            lab.sync(force_deletes=True)
            shared.done()
        except errors.SourceTimeout:
            pass
        except errors.NeaptideError as error:
            shared.problem(f"the sync: {type(error).__name__}: {error}")
        shared.over.wait(max(0.0, 1 - (time.monotonic() - began)))
