"""Where a mechanism runs: a database of its own, a reporting file, and a daemon in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from app import bootstrap, errors, statements
from app.mechanisms.mechanism import Mechanism

if TYPE_CHECKING:
    from app.oltp.embedded.server import EmbeddedServer

# The same table twice: one that is followed, one that nobody follows.
_TABLES = ("event", "bare")
_TABLE = "CREATE TABLE public.{} (id bigserial PRIMARY KEY, body text, updated_at timestamptz NOT NULL DEFAULT now())"
_DAEMON = (sys.executable, "-c", "from app.cli import main; main()")
# How long anything here may take, in seconds.
_PATIENCE = 60.0
_LOOK_AGAIN = 0.004


class Place:
    """One mechanism at work."""

    def __init__(self, mechanism: Mechanism, url: str, folder: Path) -> None:
        self.mechanism, self.url, self._folder = mechanism, url, folder
        # Where readers ask who have no file.
        self.read_url = url
        self._file, self._config = folder / "reporting.duckdb", folder / "config.toml"
        # The row that a reader has looked for in vain, and in which file.
        self._lacking: tuple[int, str] = (0, "")
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self) -> psycopg.Connection[Any]:
        """A session of a writer's, in autocommit."""
        return psycopg.connect(self.url, autocommit=True)

    def write(self, conn: psycopg.Connection[Any], table: str = "event") -> int:
        """One row, committed; its key."""
        if self.mechanism.dual and table == "event":
            return self._write_both()
        with conn.transaction():
            key = _inserted(conn, table)
            if self.mechanism.tells and table == "event":
                conn.execute(_statement("tell"), {"key": str(key)})
        return key

    def _write_both(self) -> int:
        """As a command does it, which has a session of its own."""
        from jobs.run import dual

        job = bootstrap.job(bootstrap.load_settings(self._config))
        with psycopg.connect(self.url) as conn, dual.opened(job, conn) as writing:
            key = _inserted(conn, "event")
            writing.commit()
        return key

    def wait_for(self, key: int) -> None:
        """Return once a reader finds the row. Raises `errors.TooStale` where it doesn't come."""
        until_true(lambda: self.shows(key), f"row {key} in {self.mechanism.name}")

    def shows(self, key: int) -> bool:
        """Whether a reader that opens what there is finds the row."""
        if not self.mechanism.copies:
            with suppress(psycopg.Error), psycopg.connect(self.read_url) as conn:
                return conn.execute(_statement("find"), {"id": key}).fetchone() is not None
            return False
        # A file that lacked it is not asked again: whoever does nothing else takes a processor from what is measured.
        asked = key, self._published()
        if asked != self._lacking and not self._has(key):
            self._lacking = asked
        return asked != self._lacking

    def _published(self) -> str:
        with suppress(OSError):
            return str(self._file.readlink())
        return ""

    def _has(self, key: int) -> bool:
        from app.reporting import opening

        with suppress(errors.NoReportingFile), opening.open(self._file) as file:
            return bool(file.query(statements.get("demo/mechanisms", "find_copy"), {"id": key}).rows)
        return False

    def missing(self) -> int:
        """Rows that only one side has."""
        if not self.mechanism.copies:
            return 0
        from app.reporting import opening

        with self.connect() as conn, opening.open(self._file) as file:
            source = {row[0] for row in conn.execute(_statement("keys"))}
            return len(source ^ {row[0] for row in file.query(statements.get("demo/mechanisms", "keys")).rows})

    def set_up(self) -> None:
        """The tables, the config, and what `track` installs."""
        from jobs.tracking import install

        with self.connect() as conn:
            for name in _TABLES:
                conn.execute(_TABLE.format(name).encode())
        if self.mechanism.copies:
            self._config.write_text(
                f'[source]\nurl = "{self.url}"\n[target]\npath = "reporting.duckdb"\n{self.mechanism.settings}'
                '[[tables]]\nname = "public.event"\n',
                encoding="utf-8",
            )
            self._config.chmod(0o600)
            install.track(bootstrap.job(bootstrap.load_settings(self._config)), [])

    def start(self) -> None:
        """The daemon, where there is something to copy."""
        if self.mechanism.copies:
            self._process = daemon(self._config, self._folder / "log")

    def crash_server(self) -> None:
        """Kill a process of PostgreSQL's, after which it ends all sessions and recovers from its log."""
        with psycopg.connect(self.url) as conn:
            os.kill(conn.info.backend_pid, signal.SIGKILL)
            with suppress(psycopg.Error):
                conn.execute(_statement("checkpoint"))
        until_true(self._answers, "PostgreSQL after a crash")

    def _answers(self) -> bool:
        with suppress(psycopg.Error), self.connect():
            return True
        return False

    def kill_broker(self) -> None:
        """End the broker as a crash would, and start it again at once."""
        broker = bootstrap.broker(bootstrap.load_settings(self._config))
        pid = broker.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        broker.start()

    def kill(self) -> None:
        """End the daemon as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """End what was started."""
        self.kill()
        if self.mechanism.broker and self._config.exists():
            bootstrap.broker(bootstrap.load_settings(self._config)).stop()


def _statement(name: str) -> bytes:
    return statements.get("demo/mechanisms", name).encode()


def _inserted(conn: psycopg.Connection[Any], table: str) -> int:
    query = sql.SQL("INSERT INTO public.{} (body) VALUES ('a line of text') RETURNING id")
    row = conn.execute(query.format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def opened(server: EmbeddedServer, mechanism: Mechanism, folder: Path) -> Iterator[Place]:
    """The mechanism at work on an empty table, its first row copied."""
    number = len(list(folder.iterdir()))
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE mechanism_{number}".encode())
    own = folder / str(number)
    own.mkdir()
    place = Place(mechanism, server.url(f"mechanism_{number}"), own)
    with ExitStack() as beside:
        beside.callback(place.end)
        if mechanism.replica:
            from app.mechanisms import replica

            standby = beside.enter_context(replica.following(server, folder.parent / "replica"))
            place.read_url = standby.url(f"mechanism_{number}")
        place.set_up()
        place.start()
        with place.connect() as conn:
            place.wait_for(place.write(conn))
        yield place


def daemon(config: Path, log: Path) -> subprocess.Popen[bytes]:
    """A daemon with this config, which the caller ends."""
    command = [*_DAEMON, "--config", str(config), "daemon"]
    with log.open("ab") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=_environment())


def until_true(asked: Callable[[], bool], what: str) -> None:
    """Ask again until it is so. Raises `errors.TooStale` after a minute."""
    until = time.monotonic() + _PATIENCE
    while not asked():
        if time.monotonic() > until:
            raise errors.TooStale(f"waited {_PATIENCE:.0f} s for {what}")
        time.sleep(_LOOK_AGAIN)


def _environment() -> dict[str, str]:
    """Nothing of what the caller's own config is told by."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEAPTIDE_")}
