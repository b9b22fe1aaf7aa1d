"""Hands messages to one URL, in a thread of its own: one that is away keeps nobody else waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from app import errors
from jobs.alerts import delivery
from jobs.alerts.ledger import Notice
from jobs.backoff import Backoff

_LOOK = 0.5
# What waits for a URL that is away, at most.
_WAITING = 100


class Sender:
    """What one URL has not taken yet, in order; `done` is called once it has taken one more."""

    def __init__(self, place: int, url: str, target: str, done: Callable[[], None]) -> None:
        """Raises `errors.ConfigError` and `errors.MissingExtra` for a URL that nothing can be sent to."""
        self._hand, self._target, self._done = delivery.to(place, url), target, done
        # What it is called in messages, and what the next process knows it by: the URL itself is a secret.
        self.name = delivery.named(place, url)
        self._waiting: deque[Notice] = deque(maxlen=_WAITING)
        self._there, self._closing = threading.Event(), threading.Event()
        self._log = structlog.get_logger()
        threading.Thread(target=self._work, name=f"alerts {place}", daemon=True).start()

    def queue(self, notice: Notice) -> None:
        """One more that waits. Of too many the oldest is lost."""
        self._waiting.append(notice)

    def wake(self) -> None:
        """Hand over what waits, at once."""
        self._there.set()

    def restore(self, notices: Iterable[Notice]) -> None:
        """These wait, and nothing else: what a process before has left."""
        self._waiting.clear()
        self._waiting.extend(notices)
        self.wake()

    def waiting(self) -> tuple[Notice, ...]:
        """What it has not taken yet."""
        return tuple(self._waiting)

    def close(self) -> None:
        """Hand over no more."""
        self._closing.set()

    def _work(self) -> None:
        backoff = Backoff()
        while not self._closing.is_set():
            if not self._waiting:
                self._there.wait(_LOOK)
                self._there.clear()
            elif not self._deliver(self._waiting[0], backoff):
                self._closing.wait(backoff.failed().total_seconds())

    def _deliver(self, notice: Notice, backoff: Backoff) -> bool:
        """Try it; more and more rarely where it fails, which is told once."""
        try:
            self._hand(notice, self._target)
        except errors.AlertFailed as error:
            if not backoff.failures:
                self._log.error(error.message, action="alert_failed", hint=error.hint)
            return False
        if backoff.failures:
            self._log.info(f"{self.name} works again", action="alert_recovered")
            backoff.succeeded()
        self._log.debug(f"{self.name} was told", action="alert_sent")
        # Others may have come meanwhile, and too many; or another process leads now and has what waited.
        if self._waiting and self._waiting[0] == notice:
            self._waiting.popleft()
        self._done()
        return True
