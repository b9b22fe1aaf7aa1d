"""What pages read: the locked-down store, each question asked once for each run however many pages want it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app import bootstrap, errors
from app.config import Settings
from jobs.beside import target_names
from jobs.sessions import OpenSessions
from jobs.targets.file import freshness

if TYPE_CHECKING:
    from app.reporting.store import Store

Answer = TypeVar("Answer")
# Queries at a time, what answers may weigh that are kept, in values, and seconds that a page waits for its turn.
_AT_ONCE, _KEPT, PATIENCE = 4, 2_000_000, 30.0
# Of these queries so many may be downloads: they last for as long as somebody takes to read them.
_DOWNLOADS = 2


class Reader:
    """Opens the reporting file for one request at a time in each thread. Safe to use from several."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._sessions = OpenSessions()
        self.files = target_names.of(settings, self._sessions)
        self._turns, self._downloads = threading.BoundedSemaphore(_AT_ONCE), threading.BoundedSemaphore(_DOWNLOADS)
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._weight = 0
        self._asking: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()
        self._refreshing = threading.Lock()

    @contextmanager
    def store(self, *, writes: Path | None = None) -> Iterator[Store]:
        """The published file. Raises `errors.Retryable` where too many ask, and what opening it raises."""
        with self._turn(), bootstrap.reporting_file(self.settings, writes=writes) as store:
            yield store

    @contextmanager
    def download(self, *, writes: Path | None = None) -> Iterator[Store]:
        """The same for a result that is sent as it comes: whoever reads it slowly keeps no page waiting."""
        with _one_of(self._downloads, "downloads"), self.store(writes=writes) as store:
            yield store

    def _turn(self) -> AbstractContextManager[None]:
        return _one_of(self._turns, "queries")

    def once(self, what: Hashable, work: Callable[[Store], Answer]) -> Answer:
        """What `work` gives for the published file: asked for once, and kept while that file is the published one."""
        answer: Answer = self.cached((what, self.version()), lambda: self._asked(work))
        return answer

    def models(self) -> frozenset[str]:
        """The names of the file's read models."""
        return self.once("models", lambda store: store.models)

    def cached(self, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """What `work` gives, once for each key; who comes meanwhile waits for the same."""
        with self._guard:
            if key in self._answers:
                self._answers.move_to_end(key)
                answer: Answer = self._answers[key]
                return answer
            lock = self._asking.setdefault(key, threading.Lock())
        with lock:
            with self._guard:
                if key in self._answers:
                    answer = self._answers[key]
                    return answer
            try:
                answer = work()
                self._keep_answer(key, answer)
            finally:
                with self._guard:
                    self._asking.pop(key, None)
        return answer

    def _asked(self, work: Callable[[Store], Answer]) -> Answer:
        with self.store() as store:
            return work(store)

    def _keep_answer(self, key: Hashable, answer: Any) -> None:
        with self._guard:
            self._answers[key] = answer
            self._weight += _weight(answer)
            while self._weight > _KEPT:
                self._weight -= _weight(self._answers.popitem(last=False)[1])

    def version(self) -> tuple[int, int] | None:
        """Which file is the published one; None where there is none of ours: opening it says what is wrong."""
        try:
            return self.files.version()
        except (OSError, errors.TargetUnusable):
            return None

    def name(self) -> str:
        """What an open page compares: another name is another file, and the page refreshes."""
        return "-".join(map(str, self.version() or ()))

    def as_of(self) -> datetime | None:
        """The moment of the source that is shown; None where there is no file."""
        return freshness.as_of(self.files)

    def last_run(self) -> Mapping[str, Any]:
        """What the last run said of the file: its run and as of when it is."""
        return freshness.read(self.files)

    def freshen(self, limit: timedelta) -> None:
        """Sync first where the file is older than that, one after the other. Raises `errors.TooStale`, and more."""
        with self._refreshing:
            timeout = timedelta(seconds=PATIENCE)
            with bootstrap.reporting_file(self.settings, max_staleness=limit, timeout=timeout, sessions=self._sessions):
                return

    def close(self) -> None:
        """End the sessions."""
        self._sessions.close()


@contextmanager
def _one_of(turns: threading.Semaphore, what: str) -> Iterator[None]:
    if not turns.acquire(timeout=PATIENCE):
        raise errors.Retryable(f"too many {what} are at work", hint="try again in a moment")
    try:
        yield
    finally:
        turns.release()


def _weight(answer: Any) -> int:
    """How many values an answer holds, or something like it."""
    return int(getattr(answer, "weight", 1000))
