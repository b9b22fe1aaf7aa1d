"""The daemon as a process: signals, the config read again, the service manager, the HTTP server."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog

from app import errors
from jobs.daemon import monitor, systemd
from jobs.daemon.service import Service
from jobs.job import Job
from jobs.status import board
from jobs.status.board import Board

# SIGTERM to the end, in seconds: a run has the first part to end by itself, then it is told to.
LIMIT = 4.8
_PATIENCE = 3.0
_STOP = (signal.SIGTERM, signal.SIGINT)
_TICK = 1.0


def serve(load: Callable[[], Job], make: monitor.Make = monitor.Server) -> int:
    """Keep the target up to date until SIGTERM or SIGINT. `load` reads the config; SIGHUP asks it again.

    `make` is what listens where `[http] listen` says.

    Raises `errors.ConfigError` for a config that is wrong from the start. Returns the exit code.
    """
    with _signals() as next_signal:
        return _Process(load, next_signal, make).run()


class _Process:
    """The main thread's loop."""

    def __init__(self, load: Callable[[], Job], next_signal: Callable[[float], int | None], make: monitor.Make) -> None:
        self._load, self._make = load, make
        self._next_signal = next_signal
        self._log = structlog.get_logger()
        self._board = Board()
        job = load()
        self._service = Service(job, self._board)
        self._http = monitor.start(job, self._board, self._alive, self._make)
        self._pending: Job | None = None

    def run(self) -> int:
        self._service.start()
        self._log.info("the daemon has started", action="started", pid=os.getpid())
        systemd.notify(READY="1", STATUS="running")
        while True:
            number = self._next_signal(self._pause())
            self._service.tick()
            if number in _STOP:
                return self._stop(signal.Signals(number))
            if number == signal.SIGHUP:
                self._reload()
            if self._pending is not None and self._service.ended():
                self._replace(self._pending)
            elif self._pending is None and not self._alive():
                self._log.error("a part of the daemon stopped working: leaving", action="broken")
                self._leave(1)
            else:
                self._http = self._http or self._listen()
                self._ping()

    def _listen(self) -> monitor.Serving | None:
        """Once the daemon works, an address that can't be had is no reason to end."""
        try:
            return monitor.start(self._service.job, self._board, self._alive, self._make)
        except errors.ConfigError as error:
            monitor.complain(self._board, error.message)
            return None

    def _alive(self) -> bool:
        return self._service.alive() or self._pending is not None

    def _pause(self) -> float:
        interval = systemd.watchdog_interval() or timedelta(seconds=_TICK)
        return min(0.05 if self._pending else _TICK, interval.total_seconds())

    def _ping(self) -> None:
        systemd.notify(WATCHDOG="1", STATUS=self._board.state)

    # SIGHUP

    def _reload(self) -> None:
        """A good config takes over when the run in hand has ended; a bad one is refused and the old one stays."""
        systemd.reloading()
        try:
            self._pending = self._load()
        except errors.NeaptideError as error:
            self._log.error(
                f"the config is refused, the old one stays: {error.message}", action="config_refused", hint=error.hint
            )
        else:
            self._service.end()
        systemd.notify(READY="1")

    def _replace(self, job: Job) -> None:
        self._service.close()
        self._pending = None
        self._service = Service(job, self._board)
        monitor.stop(self._http)
        self._http = self._listen()
        self._service.start()
        self._log.info("the config was read again", action="reloaded")

    # SIGTERM

    def _stop(self, number: signal.Signals) -> int:
        """End in time: first politely, then by telling the run to stop, at last by leaving it to the kernel."""
        systemd.notify(STOPPING="1")
        self._log.info(f"{number.name}: ending", action="stopping")
        began = time.monotonic()
        self._board.state = board.STOPPING
        self._service.end()
        announced = False
        while not self._service.ended():
            waited = time.monotonic() - began
            if self._next_signal(0.02) in _STOP:
                self._log.warning("a second signal: leaving at once", action="stopped_hard")
                self._leave(128 + number)
            if waited > _PATIENCE and not announced:
                self._service.cut()
                announced = True
            if waited > LIMIT:
                self._log.warning("the run did not stop in time: it is rolled back", action="stopped_hard")
                self._leave(0)
        return self._end()

    def _end(self) -> int:
        monitor.stop(self._http)
        self._service.close()
        # A lead that was just being taken may have said so in between.
        self._board.state = board.STOPPING
        with suppress(OSError):
            board.write(self._service.job.files, self._board)
        self._log.info("the daemon has ended", action="stopped")
        return 0

    def _leave(self, code: int) -> None:
        """Without another word to threads that may hang; the locks go with the process, a run is rolled back."""
        sys.stderr.flush()
        os._exit(code)


@contextmanager
def _signals() -> Iterator[Callable[[float], int | None]]:
    """Signals through a pipe: a handler that touched a lock could meet itself holding it.

    Yields a function that waits some seconds for the next one.
    """
    wanted = (*_STOP, signal.SIGHUP)
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    os.set_blocking(receiving, False)
    before = {number: signal.signal(number, lambda *_: None) for number in wanted}
    old = signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    try:
        yield lambda seconds: _next(receiving, seconds)
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(receiving)
        os.close(sending)


def _next(receiving: int, seconds: float) -> int | None:
    readable, _, _ = select.select([receiving], [], [], max(0.0, seconds))
    return os.read(receiving, 1)[0] if readable else None
