"""A small HTTP server for monitors: /healthz, /readyz, /metrics. Off unless the config names an address.

/healthz says whether the daemon works, /readyz whether the file is fresh enough to be read. Neither opens the
reporting file or asks PostgreSQL, so a check costs nothing and answers while the source is away.
"""

from __future__ import annotations

import errno
import hmac
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app import errors
from jobs import freshness, metrics
from jobs.health import Board
from jobs.job import Job
from jobs.status import judge

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"


class Server(ThreadingHTTPServer):
    """One server with what its answers are made of."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, job: Job, board: Board, alive: Callable[[], bool]) -> None:
        host, port = job.settings.http.address
        self.job, self.board, self.alive = job, board, alive
        token = job.settings.http.token
        self.token = token.get_secret_value() if token else ""
        self.exposition = metrics.exposition(job, board)
        super().__init__((host, port), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers GET on three paths."""

    server: Server
    server_version = "neaptide"
    sys_version = ""
    # A client that says nothing must not keep a thread.
    timeout = 10

    def do_GET(self) -> None:
        answers = {"/healthz": self._health, "/readyz": self._ready, "/metrics": self._metrics}
        answer = answers.get(self.path.partition("?")[0])
        if answer is None:
            self._send(404, _JSON, json.dumps({"error": f"try {', '.join(answers)}"}))
        elif not self._allowed():
            self._send(401, _JSON, json.dumps({"error": "give the token as Authorization: Bearer …"}))
        else:
            answer()

    do_HEAD = do_GET  # noqa: N815  the name is http.server's

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        wanted = f"Bearer {self.server.token}"
        return not self.server.token or hmac.compare_digest(given.encode(), wanted.encode())

    def _health(self) -> None:
        alive = self.server.alive()
        self._send(200 if alive else 503, _JSON, json.dumps({"alive": alive, "state": self.server.board.state}))

    def _ready(self) -> None:
        found = readiness(self.server.job, datetime.now(UTC))
        self._send(200 if found["ready"] else 503, _JSON, json.dumps(found))

    def _metrics(self) -> None:
        self._send(200, _TEXT, self.server.exposition())

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


def readiness(job: Job, now: datetime) -> dict[str, Any]:
    """Whether the published file may be read: it is there, and not older than `[freshness] fail`."""
    as_of = freshness.as_of(job.files)
    age = (now - as_of).total_seconds() if as_of else None
    level, problems = judge(job.settings.freshness, age) if as_of else ("missing", ["there is no reporting file yet"])
    ready = level in ("ok", "warn")
    return {"ready": ready, "level": level, "as_of": as_of.isoformat() if as_of else None, "problems": problems}


def start(job: Job, board: Board, alive: Callable[[], bool]) -> Server | None:
    """Serve in a thread of its own; None where the config names no address, or another process has it now.

    A daemon that stands by has the same config as the one that leads: ask again later. Raises `errors.ConfigError`
    for an address that can't be had at all.
    """
    if job.settings.http.listen is None:
        return None
    try:
        server = Server(job, board, alive)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        raise errors.ConfigError(f"[http] listen = {job.settings.http.listen!r}: {error.strerror or error}") from error
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True).start()
    return server


def stop(server: Server | None) -> None:
    """Close the port."""
    if server is not None:
        server.shutdown()
        server.server_close()
