"""The process of an embedded server: whether one runs, how it is started and ended.

Whether the server runs is told by the lock on the file `alive`: the server and all its children inherit it open, and
the kernel lets go of it when the last of them is gone. A process id can be stale, or another's by now; this can't.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from app import errors, file_lock
from app.oltp.embedded import home, initdb
from app.oltp.embedded import log as server_log
from app.oltp.embedded.folder import HOST, Folder

# Whoever listens on the port once the server is gone may ask for the password in clear: it is told to no such.
LOGIN = "scram-sha-256"
# The server outlives the process that started it on purpose; kept so that Python doesn't complain about a lost child.
_started: list[subprocess.Popen[bytes]] = []


class Process:
    """The server that runs on the data of a folder, if one does."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def runs(self) -> bool:
        """Whether a server runs on the data, also one that was started by hand with pg_ctl."""
        _reap()
        if file_lock.held(self._folder.path / "alive"):
            return True
        pid = self.pid()
        return pid is not None and self._works_on_data(pid) and self.refusal() is None

    def _works_on_data(self, pid: int) -> bool:
        """Whether the process is alive and has the data folder as its working folder, as every server has."""
        try:
            if Path("/proc/self").exists():
                return Path(f"/proc/{pid}/cwd").samefile(self._folder.data)
            os.kill(pid, 0)
        except OSError:
            return False
        return True

    def pid(self) -> int | None:
        """The id that the server has left in its data, whether or not it lives."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self._folder.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        return None

    def refusal(self) -> str | None:
        """Why the server can't be used, or None where it can."""
        try:
            psycopg.connect(self._folder.owner_url("postgres"), connect_timeout=2, require_auth=LOGIN).close()
        except errors.SourceUnavailable as error:
            return error.message
        except psycopg.OperationalError as error:
            return str(error)
        return None

    def launch(self, settings: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        """Start the server; None where something of it is still there, such as the children of a killed one."""
        alive = file_lock.take(self._folder.path / "alive")
        if alive is None:
            return None
        try:
            self._forget_dead_server()
            return self._spawn(alive, settings)
        finally:
            os.close(alive)

    def _spawn(self, alive: int, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        account = home.account_for(self._folder.path)
        home.write(self._folder.data / "neaptide.conf", _as_conf(settings), account)
        command = self._command(account)
        log = server_log.open_to_append(self._folder.path / "log")
        try:
            process = subprocess.Popen(
                command,
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

    def _command(self, account: home.Account | None) -> list[str | Path]:
        program = home.programs(self._folder.path, account) / "bin" / "postgres"
        # On the command line they win over ALTER SYSTEM: with another address or port we would not find the server.
        fixed = {"listen_addresses": HOST, "port": self._folder.choose_port(), "unix_socket_directories": ""}
        options = (part for name, value in fixed.items() for part in ("-c", f"{name}={value}"))
        return [program, "-D", self._folder.data, *options]

    def _forget_dead_server(self) -> None:
        """Remove a `postmaster.pid` whose process is gone, where PostgreSQL would be misled.

        It takes a zombie, or another program that has the number by now, for a server that runs.
        """
        pid = self.pid()
        if pid is not None and not self._works_on_data(pid):
            (self._folder.data / "postmaster.pid").unlink(missing_ok=True)

    def signal(self, number: signal.Signals, timeout: float) -> bool:
        """Send the signal and wait; whether the server is gone."""
        deadline = time.monotonic() + timeout
        pid = self.pid()
        if pid is not None and self._works_on_data(pid):
            os.kill(pid, number)
        while self.runs():
            if time.monotonic() > deadline:
                return False
            time.sleep(file_lock.PAUSE)
        return True


def _as_conf(settings: Mapping[str, str]) -> str:
    """The settings in the syntax of postgresql.conf, where a quote within a value is doubled."""
    return "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items())


def _reap() -> None:
    """Collect servers that were started here and have ended, so that none stays behind as a zombie."""
    for process in _started:
        process.poll()
