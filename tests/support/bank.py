"""A source whose every snapshot can be told from half of one: money only moves, and each move leaves traces.

One transaction moves an amount between two accounts, logs it, counts it, and replaces the oldest of fifty tokens. So in
every state that PostgreSQL ever committed the balances add up to the same sum, each balance follows from the log, the
log is as long as the count says, and there are fifty tokens, the newest of them as new as the count.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from app import versions
from tests.support.syncing import Lab

ACCOUNTS, TOKENS, START = 100, 50, 1000
TABLES = ("public.account", "public.move", "public.meter", "public.token")
_STAMP = "updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"
SCHEMA = (
    f"CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL, {_STAMP})",
    f"CREATE TABLE move (id bigint PRIMARY KEY, payer integer, payee integer, amount bigint, {_STAMP})",
    f"CREATE TABLE meter (id integer PRIMARY KEY, n bigint NOT NULL, {_STAMP})",
    f"CREATE TABLE token (id bigint PRIMARY KEY, note text, {_STAMP})",
    f"INSERT INTO account (id, balance) SELECT g, {START} FROM generate_series(1, {ACCOUNTS}) AS g",
    "INSERT INTO meter (id, n) VALUES (1, 0)",
    f"INSERT INTO token (id, note) SELECT g, repeat('t', 200) FROM generate_series({1 - TOKENS}, 0) AS g",
)
# Everything that must be 0, the state's number first.
_WRONG = f"""
SELECT
    (SELECT max(n) FROM {{p}}meter) AS n,
    (SELECT count(*) FROM {{p}}meter) - 1,
    (SELECT sum(balance) FROM {{p}}account) - {ACCOUNTS * START},
    (SELECT count(*) FROM {{p}}move) - (SELECT max(n) FROM {{p}}meter),
    (SELECT count(*) - count(DISTINCT id) FROM {{p}}move),
    (SELECT count(*) FROM {{p}}token) - {TOKENS},
    (SELECT max(id) FROM {{p}}token) - (SELECT max(n) FROM {{p}}meter),
    (
        SELECT count(*)
        FROM {{p}}account AS a
        WHERE a.balance <> {START}
            + coalesce((SELECT sum(m.amount) FROM {{p}}move AS m WHERE m.payee = a.id), 0)
            - coalesce((SELECT sum(m.amount) FROM {{p}}move AS m WHERE m.payer = a.id), 0)
    )
"""


class Bank(Lab):
    """The source, its target, and the command line of a sync."""

    @classmethod
    def opened(cls, url: str, folder: Path) -> Bank:
        """A tracked bank with a config file beside its target."""
        found = cls(url, folder, [{"name": name} for name in TABLES])
        found.run(*SCHEMA)
        found.track()
        found.configure()
        return found

    def on_both(self) -> Bank:
        """The same, synced twice, so that both files exist."""
        for _ in range(2):
            self.sync()
            self.move()
        return self

    @property
    def link(self) -> Path:
        return self.folder / "reporting.duckdb"

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def configure(self, url: str | None = None, **sync: str) -> None:
        """Write config.toml; `url` goes by way of somebody else."""
        bounds = "\n".join(f'{key} = "{value}"' for key, value in {"margin": "0s", **self.sync_options, **sync}.items())
        tables = "\n".join(f'[[tables]]\nname = "{name}"' for name in TABLES)
        self.config.write_text(
            f'[source]\nurl = "{url or self.url}"\nconnect_timeout = "30s"\nlock_timeout = "500ms"\n'
            f'[target]\npath = "reporting.duckdb"\n[sync]\n{bounds}\n{tables}\n'
        )

    def command(self, *arguments: str, fault: str = "", **given: Any) -> subprocess.Popen[str]:
        """The command line in a process of its own; `fault` names the point at which it kills itself."""
        line = [sys.executable, "-c", "from app.cli import main; main()", "--config", str(self.config), *arguments]
        return subprocess.Popen(
            line, env={**os.environ, "NEAPTIDE_FAULT": fault}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **given,
        )  # fmt: skip

    def finished(self, *arguments: str, **given: Any) -> tuple[int, str]:
        """Exit code and stderr of one command."""
        process = self.command(*arguments, **given)
        _, err = process.communicate(timeout=120)
        return process.returncode, err

    def move(self, conn: psycopg.Connection[Any] | None = None, times: int = 1) -> None:
        """Move money, each time in a transaction of its own."""
        if conn is None:
            with self.connect() as found:
                self.move(found, times)
            return
        for _ in range(times):
            move(conn)

    @contextmanager
    def moving(self, pause: float = 0.002) -> Iterator[None]:
        """Money moves all the time, in a thread."""
        over = threading.Event()

        def work() -> None:
            with self.connect() as conn:
                while not over.wait(pause):
                    move(conn)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def names(self) -> set[str]:
        """What lies beside the target."""
        return {path.name for path in self.folder.iterdir()} - {"config.toml"}

    def check(self) -> int:
        """The published file opens, is whole, and no more files than allowed are there; returns the state's number."""
        assert self.big_files() <= 3, self.names()
        return state_of(self.link)

    def big_files(self) -> int:
        """How many files of some size lie beside the target at this moment, by whatever names."""
        found = set()
        for path in self.folder.rglob("*"):
            # A name that a run has just moved on is looked at by its next one.
            with suppress(FileNotFoundError):
                state = path.stat()
                if "duckdb" in path.name and state.st_size > 10_000:
                    found.add(state.st_ino)
        return len(found)

    def check_tidy(self) -> None:
        """Nothing of an earlier run is left."""
        found = versions.listed(self.link)
        assert sum(version.is_file for version in found) <= 2
        known = {"reporting.duckdb", *(version.path.name for version in found)}
        if self.mode == "pointer":
            known.add("reporting.duckdb.current")
        beside = {
            "reporting.duckdb.lock",
            "reporting.duckdb.freshness",
            "reporting.duckdb.kept",
            ".reporting.duckdb.purged",
        }
        if self.sync_options.get("feed") == "wal":
            beside |= {"reporting.duckdb.slot", "reporting.duckdb.daemon.lock"}
        assert self.names() <= known | beside, self.names()


def move(conn: psycopg.Connection[Any]) -> None:
    """Move money once."""
    payer, payee = random.sample(range(1, ACCOUNTS + 1), 2)
    with conn.transaction():
        row = conn.execute("UPDATE meter SET n = n + 1 WHERE id = 1 RETURNING n").fetchone()
        assert row is not None
        amount = random.randint(1, 50)
        conn.execute("UPDATE account SET balance = balance - %s WHERE id = %s", [amount, payer])
        conn.execute("UPDATE account SET balance = balance + %s WHERE id = %s", [amount, payee])
        conn.execute("INSERT INTO move VALUES (%s, %s, %s, %s)", [row[0], payer, payee, amount])
        conn.execute("INSERT INTO token VALUES (%s, repeat('t', 200))", [row[0]])
        conn.execute("DELETE FROM token WHERE id = %s", [row[0] - TOKENS])


def state_of(path: Path) -> int:
    """The number of the state a file holds; fails unless it is one whole state."""
    with duckdb.connect(":memory:") as conn:
        # Attached, since a connection by name would show what this process has open under that name.
        conn.execute(f"ATTACH '{path}' AS bank (READ_ONLY)")
        return whole(conn, "bank.public.")


def wrong_sql(prefix: str) -> str:
    """A query for the number of a state, and for what would be other than 0 in half of one."""
    return _WRONG.format(p=prefix)


def whole(conn: duckdb.DuckDBPyConnection, prefix: str = "public.") -> int:
    """The number of the state a connection sees; fails unless it is one whole state."""
    row = conn.execute(wrong_sql(prefix)).fetchone()
    assert row is not None
    assert not any(row[1:]), f"half a state: {row}"
    return int(row[0])


@dataclass
class Watcher:
    """What a reader saw: how often, what went wrong, and the last state and moment."""

    reads: int = 0
    state: int = -1
    as_of: Any = None
    wrong: list[str] = field(default_factory=list)

    def saw(self, state: int, as_of: Any) -> None:
        """Note one read; neither the state nor its moment may go back."""
        if state < self.state or (self.as_of is not None and as_of < self.as_of):
            self.wrong.append(f"went back from {self.state} at {self.as_of} to {state} at {as_of}")
        self.reads, self.state, self.as_of = self.reads + 1, state, as_of
