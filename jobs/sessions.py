"""Sessions that outlive a run: what a process that runs often keeps open, because opening is most of a short run.

One PostgreSQL connection, and one DuckDB instance with PostgreSQL attached. They are lent to one run at a time and
kept only when it ended in order; after an error, and after `RUNS` runs, they are made anew. Of the data nothing is kept
but what the published file says of itself, for as long as it is that very file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

RUNS = 1000


class Slot:
    """One session that can be closed, lent to one borrower at a time; a second at the same time gets one of its own."""

    def __init__(self, is_good: Callable[[Any], bool]) -> None:
        self._is_good = is_good
        self._guard = threading.Lock()
        self._idle: tuple[Any, int] | None = None
        self._lent: list[Any] = []
        self._closed = False

    @contextmanager
    def lend(self, make: Callable[[], Any], greet: Callable[[Any], object] = lambda _: None) -> Iterator[Any]:
        """The kept session, or a new one where there is none that is still good.

        `greet` asks a kept one something: where that fails, it died meanwhile, and is replaced.
        """
        session, runs = self._greeted(greet) or (make(), 0)
        self._lent.append(session)
        try:
            yield session
        except BaseException:
            _close(session)
            raise
        finally:
            self._lent.remove(session)
        self._give_back(session, runs + 1)

    def lent(self) -> list[Any]:
        """The sessions that are in use now."""
        return list(self._lent)

    def close(self) -> None:
        """Close what is kept, and from now on whatever comes back."""
        with self._guard:
            idle, self._idle, self._closed = self._idle, None, True
        if idle:
            _close(idle[0])

    def _take(self) -> tuple[Any, int] | None:
        with self._guard:
            idle, self._idle = self._idle, None
        if idle and not self._is_good(idle[0]):
            _close(idle[0])
            return None
        return idle

    def _greeted(self, greet: Callable[[Any], object]) -> tuple[Any, int] | None:
        idle = self._take()
        try:
            if idle:
                greet(idle[0])
        except Exception:  # noqa: BLE001  whatever it is, a new session meets it again if it is more than that
            _close(idle[0] if idle else None)
            return None
        return idle

    def _give_back(self, session: Any, runs: int) -> None:
        with self._guard:
            if self._idle is None and not self._closed and runs < RUNS and self._is_good(session):
                self._idle = (session, runs)
                return
        _close(session)


@dataclass
class Lease:
    """What the holder of a target's lock has in hand while it holds it: the session that the lock is a matter of."""

    session: Any = None


class OpenSessions:
    """The sessions of one process for one source. Close it at the end."""

    def __init__(self) -> None:
        self.source = Slot(_is_idle)
        self.engine = Slot(lambda _: True)
        # A session at a lake's catalog.
        self.catalog = Slot(_is_idle)
        # What the published file says of itself, and what tells that file from every other.
        self.state: tuple[Any, Any] | None = None
        # What was worked out of the source's catalogue, made by whoever reads that.
        self.catalogue: Any = None
        # What reads the source's log between runs, too, made by whoever needs that.
        self.log: Any = None
        # What reads the broker's stream, too.
        self.stream: Any = None
        self.permit: Callable[[], None] = lambda: None
        """Called by a run right before it publishes; raises where it must not."""
        # Until when a source that was away is not asked again, after how long a pause, and what was wrong.
        self.away: tuple[float, float, Any] | None = None
        # Whether it is left alone for longer and longer: not where somebody waits for the answer.
        self.backs_off = False
        # Whether what was in use was told to stop.
        self.is_cut = False
        # Those of each of several sources, by its name.
        self._parts: dict[str, OpenSessions] = {}

    def _permitted(self) -> None:
        """What is set later counts for the parts, too."""
        self.permit()

    def of(self, part: str) -> OpenSessions:
        """The sessions of one of several sources."""
        if part not in self._parts:
            self._parts[part] = OpenSessions()
            self._parts[part].permit = self._permitted
        return self._parts[part]

    def cancel(self) -> None:
        """Tell what is in use to stop what it is doing, from another thread; its run then ends with an error."""
        self.is_cut = True
        for part in self._parts.values():
            part.cancel()
        for session in self.engine.lent():
            with suppress(Exception):
                session.connection.interrupt()
        for connection in self.source.lent():
            with suppress(Exception):
                connection.cancel_safe(timeout=1)

    def close(self) -> None:
        """Close what is kept."""
        for part in self._parts.values():
            part.close()
        self.source.close()
        self.catalog.close()
        self.engine.close()
        for reader in (self.log, self.stream):
            if reader is not None:
                reader.close()


def _is_idle(connection: Any) -> bool:
    """Whether a psycopg connection is open and in no transaction."""
    from psycopg.pq import TransactionStatus

    return not connection.closed and bool(connection.info.transaction_status == TransactionStatus.IDLE)


def _close(session: Any) -> None:
    with suppress(Exception):
        session.close()
