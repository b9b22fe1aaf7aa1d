"""A small HTTP server for monitors: /healthz, /readyz, /metrics. Off unless the config names an address.

/healthz says whether the daemon works, /readyz whether the file is fresh enough to be read. Neither opens the
reporting file or asks PostgreSQL, so a check costs nothing and answers while the source is away.
"""

from __future__ import annotations

import errno
import hmac
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import structlog

from app import config, errors
from jobs.daemon import metrics
from jobs.job import Job
from jobs.status import board as health
from jobs.status import loghold
from jobs.status.board import Board
from jobs.status.report import judge
from jobs.targets.file import freshness

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"
# Connections at a time, each a descriptor and a thread that the sync must not miss.
_MOST = 16
# Seconds from a connection's beginning to its end.
_DEADLINE = 5.0


@dataclass(frozen=True)
class Answer:
    """What a monitor is told."""

    code: int
    kind: str
    text: str


PATHS = ("/healthz", "/readyz", "/metrics")


class Answers:
    """What monitors are told of one daemon."""

    def __init__(self, job: Job, board: Board, alive: Callable[[], bool]) -> None:
        self.job, self._board, self._alive = job, board, alive
        self._exposition = metrics.exposition(job, board)

    def of(self, path: str) -> Answer:
        """The answer on one of `PATHS`."""
        return {"/healthz": self._health, "/readyz": self._ready, "/metrics": self._metrics}[path]()

    def _health(self) -> Answer:
        alive = self._alive()
        return Answer(200 if alive else 503, _JSON, json.dumps({"alive": alive, "state": self._board.state}))

    def _ready(self) -> Answer:
        content = readiness(self.job)
        return Answer(200 if content["ready"] else 503, _JSON, json.dumps(content))

    def _metrics(self) -> Answer:
        return Answer(200, _TEXT, self._exposition())


class Door:
    """Who may ask: by the name that is asked for, and by the token."""

    def __init__(self, http: config.Http) -> None:
        self._own = http.address[0].lower()
        self.token = http.token.get_secret_value() if http.token else ""

    def knows(self, host: str) -> bool:
        """Whether a Host header may be right: on the loopback a page whose name was made to mean this machine may ask.

        Where a token is needed such a page doesn't have it, and a proxy in front may pass on any name.
        """
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        name = name.strip("[]").lower()
        return bool(self.token) or name == self._own or config.is_loopback(name)

    def allows(self, given: str) -> bool:
        """Whether an Authorization header has the token, where one is needed."""
        wanted = f"Bearer {self.token}"
        return not self.token or hmac.compare_digest(given.encode(), wanted.encode())


class Serving(Protocol):
    """A server at work."""

    def shutdown(self) -> None:
        """Answer nobody any more."""

    def server_close(self) -> None:
        """Give the port back."""


Make = Callable[[Job, Board, Callable[[], bool]], Serving]


class Server(ThreadingHTTPServer):
    """One server with what its answers are made of."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, job: Job, board: Board, alive: Callable[[], bool]) -> None:
        self._open: dict[socket.socket, float] = {}
        self._guard = threading.Lock()
        address = job.settings.http.address
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)
        self.answers, self.door = Answers(job, board, alive), Door(job.settings.http)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread; where there are too many, the oldest connection has to go."""
        with self._guard:
            for one in list(self._open)[: len(self._open) - _MOST + 1]:
                self._drop(one)
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection, whoever wanted it."""
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called many times a second: end what has taken too long."""
        with self._guard:
            for one in [one for one, began in self._open.items() if time.monotonic() - began > _DEADLINE]:
                self._drop(one)

    def _drop(self, request: socket.socket) -> None:
        """Its thread wakes up then, and closes it."""
        del self._open[request]
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news, and whatever else goes wrong is a record like every other."""
        if not isinstance(sys.exception(), OSError):
            structlog.get_logger().exception("an answer failed", action="http_failed")


class Handler(BaseHTTPRequestHandler):
    """Answers GET on three paths."""

    server: Server
    server_version = "neaptide"
    sys_version = ""

    def do_GET(self) -> None:
        path, door = self.path.partition("?")[0], self.server.door
        if not all(map(door.knows, self.headers.get_all("Host", []))):
            self._send(421, _JSON, json.dumps({"error": "this server has another name: see Host"}))
        elif path not in PATHS:
            self._send(404, _JSON, json.dumps({"error": f"try {', '.join(PATHS)}"}))
        elif not door.allows(self.headers.get("Authorization", "")):
            self._send(401, _JSON, json.dumps({"error": "give the token as Authorization: Bearer …"}))
        else:
            answer = self.server.answers.of(path)
            self._send(answer.code, answer.kind, answer.text)

    do_HEAD = do_GET  # noqa: N815  the name is http.server's

    def _send(self, code: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Requests of monitors are no news."""


def readiness(job: Job) -> dict[str, Any]:
    """Whether the published file may be read: it is there, and not older than `[freshness] fail`."""
    as_of = freshness.as_of(job.files)
    age = (freshness.now(job.files) - as_of).total_seconds() if as_of else None
    level, problems = judge(job.settings.freshness, age) if as_of else ("missing", ["there is no reporting file yet"])
    ready, logs = level in ("ok", "warn"), loghold.each(job)
    answer = {"ready": ready, "level": level, "as_of": as_of.isoformat() if as_of else None}
    held_for = [sentence for one in loghold.complaints(job).values() for sentence in one]
    away = (f"the tables of {sentence}" for sentence in (freshness.read(job.files).get("away") or {}).values())
    return {**answer, "problems": [*problems, *held_for, *away], **_held(job, logs)}


def _held(job: Job, logs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What servers hold of their logs: all of it, and of several sources each."""
    of = {name: {"log_held_bytes": one["held"], "log_lost": loghold.is_lost(one)} for name, one in logs.items()}
    if not of:
        return {}
    held = sum(one["log_held_bytes"] for one in of.values())
    whole = {"log_held_bytes": held, "log_lost": any(one["log_lost"] for one in of.values())}
    return {**whole, "sources": of} if job.parts else whole


def start(job: Job, board: Board, alive: Callable[[], bool], make: Make = Server) -> Serving | None:
    """Serve in a thread of its own; None where the config names no address, or another process has it now.

    A daemon that stands by has the same config as the one that leads: ask again later. `make` is the server, which has
    more to say where there is a page. Raises `errors.ConfigError` for an address that can't be had at all.
    """
    if job.settings.http.listen is None:
        board.problems.pop(health.HTTP, None)
        return None
    try:
        server = make(job, board, alive)
    except OSError as error:
        message = f"[http] listen = {job.settings.http.listen!r}: {error.strerror or error}"
        if error.errno != errno.EADDRINUSE:
            raise errors.ConfigError(message) from error
        complain(board, message)
        return None
    _listens(job, board)
    return server


def complain(board: Board, message: str) -> None:
    """Tell once, and in `status` for as long as it is so, why monitors get no answer."""
    if board.problems.get(health.HTTP) != message:
        board.problems[health.HTTP] = message
        structlog.get_logger().warning(f"{message}: monitors get no answer, it is tried again", action="http_refused")


def _listens(job: Job, board: Board) -> None:
    log, host = structlog.get_logger(), job.settings.http.address[0]
    if board.problems.pop(health.HTTP, None):
        log.info(f"[http] listen = {job.settings.http.listen!r} works again", action="http_listens")
    if job.settings.http.token and not config.is_loopback(host):
        log.warning(
            "the token of [http] goes over the network in clear: listen on the loopback, with a TLS proxy before it",
            action="http_clear",
        )


def stop(server: Serving | None) -> None:
    """Close the port."""
    if server is not None:
        server.shutdown()
        server.server_close()
