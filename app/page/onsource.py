"""The page on PostgreSQL itself: what one visit asks for is answered at one moment, and soon after at a newer one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import bootstrap
from app.config import Settings
from app.page.reader import PATIENCE, Reader

if TYPE_CHECKING:
    from app.reporting.store import Store

# For so long an answer is kept, in seconds: the parts of a page, its pictures among them, ask for the same rows.
_KEPT = 2.0


class SourceReader(Reader):
    """Asks PostgreSQL where the others read the file. Nobody is told of news: nothing publishes."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._clock = threading.Lock()
        self._number, self._since = 0, time.monotonic()
        # How old an answer of this moment may be.
        self._limit: timedelta | None = None

    @contextmanager
    def store(self, *, writes: Path | None = None) -> Iterator[Store]:
        """PostgreSQL in one snapshot. Raises what the file's does, and what a run would."""
        patience = timedelta(seconds=PATIENCE)
        with (
            self._turn(),
            bootstrap.reading(self.settings, max_staleness=self._limit, timeout=patience, writes=writes) as store,
        ):
            yield store

    def version(self) -> tuple[int, int] | None:
        """Changes as time goes by."""
        with self._clock:
            now = time.monotonic()
            if now - self._since > _KEPT:
                self._number, self._since, self._limit = self._number + 1, now, None
            return (0, self._number)

    def name(self) -> str:
        """Always the same: a page that is open stays as it is."""
        return "source"

    def as_of(self) -> datetime | None:
        """The moment that is shown."""
        return self.once(("as_of",), lambda store: store.as_of)

    def last_run(self) -> Mapping[str, Any]:
        """No run."""
        return {}

    def freshen(self, limit: timedelta) -> None:
        """Ask anew; of a replica, once it has come as far. Raises `errors.TooStale`."""
        with self._refreshing:
            with self._clock:
                self._number, self._since, self._limit = self._number + 1, time.monotonic(), limit
            self.as_of()
