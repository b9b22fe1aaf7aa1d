"""What pages read: the locked-down store, each question asked once for each run however many pages want it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app import bootstrap, errors
from app.config import Settings
from jobs.sessions import Keep
from jobs.targets import targets
from jobs.targets.file import freshness

if TYPE_CHECKING:
    from app.reporting.store import Store

Found = TypeVar("Found")
# Queries at a time, what answers may weigh that are kept, in values, and seconds that a page waits for its turn.
_AT_ONCE, _KEPT, PATIENCE = 4, 2_000_000, 30.0


class Reader:
    """Opens the reporting file for one request at a time in each thread. Safe to use from several."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._keep = Keep()
        self.files = targets.names(settings, self._keep)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._weight = 0
        self._asking: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()
        self._refreshing = threading.Lock()

    @contextmanager
    def store(self, *, writes: Path | None = None) -> Iterator[Store]:
        """The published file. Raises `errors.QueryTooBig` where too many ask, and what opening it raises."""
        with self._turn(), bootstrap.reporting_file(self.settings, writes=writes) as store:
            yield store

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=PATIENCE):
            raise errors.QueryTooBig("too many queries are at work", hint="try again in a moment")
        try:
            yield
        finally:
            self._turns.release()

    def once(self, what: Hashable, work: Callable[[Store], Found]) -> Found:
        """What `work` gives for the published file: asked for once, and kept while that file is the published one."""
        found: Found = self.kept((what, self.version()), lambda: self._asked(work))
        return found

    def models(self) -> frozenset[str]:
        """The names of the file's read models."""
        return self.once("models", lambda store: store.models)

    def kept(self, key: Hashable, work: Callable[[], Found]) -> Found:
        """What `work` gives, once for each key; who comes meanwhile waits for the same."""
        with self._guard:
            if key in self._answers:
                self._answers.move_to_end(key)
                found: Found = self._answers[key]
                return found
            lock = self._asking.setdefault(key, threading.Lock())
        with lock:
            with self._guard:
                if key in self._answers:
                    found = self._answers[key]
                    return found
            try:
                found = work()
                self._keep_answer(key, found)
            finally:
                with self._guard:
                    self._asking.pop(key, None)
        return found

    def _asked(self, work: Callable[[Store], Found]) -> Found:
        with self.store() as store:
            return work(store)

    def _keep_answer(self, key: Hashable, found: Any) -> None:
        with self._guard:
            self._answers[key] = found
            self._weight += _weight(found)
            while self._weight > _KEPT:
                self._weight -= _weight(self._answers.popitem(last=False)[1])

    def version(self) -> tuple[int, int] | None:
        """Which file is the published one; None where there is none."""
        try:
            return self.files.version()
        except OSError:
            return None

    def name(self) -> str:
        """What an open page compares: another name is another file, and the page refreshes."""
        return "-".join(map(str, self.version() or ()))

    def as_of(self) -> datetime | None:
        """The moment of the source that is shown; None where there is no file."""
        return freshness.as_of(self.files)

    def told(self) -> Mapping[str, Any]:
        """What the last run said of the file: its run and as of when it is."""
        return freshness.read(self.files)

    def freshen(self, limit: timedelta) -> None:
        """Sync first where the file is older than that, one after the other. Raises `errors.TooStale`, and more."""
        with self._refreshing:
            timeout = timedelta(seconds=PATIENCE)
            with bootstrap.reporting_file(self.settings, max_staleness=limit, timeout=timeout, keep=self._keep):
                return

    def close(self) -> None:
        """End the sessions."""
        self._keep.close()


def _weight(found: Any) -> int:
    """How many values an answer holds, or something like it."""
    return int(getattr(found, "weight", 1000))
