"""The page's server, in a thread of its own: in the daemon, or for `neaptide serve`.

Whoever is slow is let go of, and there are never more connections than the process can spare.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.page import routing, site
from jobs.daemon.monitor import Answers, Door
from jobs.job import Job
from jobs.status.board import Board

# Connections at a time; seconds for a request's head, and for what an answer takes beyond its query.
_MOST, _DEADLINE, _SPARE = 256, 5.0, 60.0
# Seconds in which somebody has to take what lies ready for him, some tens of kilobytes, or he is let go of.
_STALL = 20.0


class Protocol(H11Protocol):
    """HTTP/1.1 with a deadline for each request's head, and a bound on how many connections there are."""

    late: asyncio.TimerHandle | None = None
    stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()
        if len(self.connections) > _MOST:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.busy and self.late:
            self.late.cancel()
            self.late = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and not self.busy:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self.late, self.stalled):
            if timer:
                timer.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stalled = self.loop.call_later(_STALL, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.stalled:
            self.stalled.cancel()

    @property
    def busy(self) -> bool:
        """Whether a request came whole and its answer is on its way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _begin(self) -> None:
        if self.late:
            self.late.cancel()
        self.late = self.loop.call_later(_DEADLINE, self.transport.abort)

    def _make_room(self) -> None:
        """One that has asked for nothing goes first; where all are being answered, the new one does."""
        idle = [one for one in self.connections if isinstance(one, Protocol) and not one.busy and one is not self]
        (idle[0] if idle else self).transport.abort()


class Server:
    """A site that listens. `server_address` is where."""

    def __init__(self, job: Job, board: Board, alive: Callable[[], bool]) -> None:
        """Raises `OSError` where the address can't be had."""
        http = job.settings.http
        host, port = http.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=128)
        self.server_address = self._socket.getsockname()
        self._site = site.Site(job, Answers(job, board, alive))
        seconds = job.settings.query.timeout.total_seconds() + _SPARE
        config = uvicorn.Config(
            routing.app(self._site, Door(http), seconds),
            http=Protocol, ws="none", loop="asyncio", lifespan="on", log_config=None, access_log=False,
            server_header=False, date_header=False, timeout_keep_alive=5, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # What goes wrong is a record like every other, see `site`; not another thing to read on stderr.
        logging.getLogger("uvicorn.error").disabled = True
        asyncio.run(self._server.serve([self._socket]))

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def shutdown(self) -> None:
        """Answer nobody any more."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=2)

    def server_close(self) -> None:
        """Give the port back."""
        self._socket.close()
        self._site.close()


def wait(server: Server, every: float = 0.5) -> None:
    """Until it ends; Ctrl-C interrupts."""
    while server.alive:
        time.sleep(every)
