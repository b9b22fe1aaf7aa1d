"""Looks once a second at what is wrong, and has it told; what is told stands beside the target for the next process."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from app import errors
from jobs.alerts import delivery
from jobs.alerts.ledger import Condition, Fact, Ledger, Notice
from jobs.daemon import monitor, remembered
from jobs.daemon.backoff import Backoff
from jobs.job import Job
from jobs.results import Run
from jobs.status import board as health
from jobs.status import loghold
from jobs.status.board import Board

_LOOK = 0.5
# What waits for a URL that is away, at most.
_WAITING = 100
# How a run's reason begins that is no change of the schema, but a matter of the sync.
_OWN = ("first copy", "asked for", "storage", "deletes since", "transaction ids", "the source's clock", "its rows")


class Alerting:
    """The alerts of one service; without URLs it does nothing."""

    def __init__(self, job: Job, board: Board) -> None:
        """Raises `errors.ConfigError` and `errors.MissingExtra` for URLs that nothing can be sent to."""
        self._job, self._board = job, board
        urls = [url.get_secret_value() for url in job.settings.alerts.urls]
        self._senders = [_Sender(place, url, str(job.files.link), self._delivered) for place, url in enumerate(urls)]
        self._ledger, self._guard = Ledger(), threading.Lock()
        self._standing: dict[str, Fact] = {}
        # What happened and no URL has yet.
        self._untold: list[Fact] = []
        self._failed: str | None = None
        self._tables: dict[str, str] = {}
        self._known = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._senders:
            self._thread.start()

    def close(self) -> None:
        """Look no more; what could not be handed over is told by the next process, if it still is so."""
        self._closing.set()
        for sender in self._senders:
            sender.close()

    def ran(self, run: Run) -> None:
        """A run ended."""
        now = datetime.now(UTC)
        with self._guard:
            self._failed, self._known = None, True
            self._tables = {table.table: table.error or "" for table in run.failed}
            for table in run.tables:
                if table.action in ("full", "removed") and table.reason and not table.reason.startswith(_OWN):
                    told = f"{table.table} was {'copied anew' if table.action == 'full' else 'removed'}: {table.reason}"
                    self._ledger.happened("schema", f"schema:{table.table}", told, now)
                    self._remember()

    def failed(self, message: str) -> None:
        """A run, or an attempt to reach the source, failed."""
        with self._guard:
            self._failed, self._known = message, True

    def _work(self) -> None:
        leads = False
        while not self._closing.wait(_LOOK):
            # Whoever stands by leaves it to the one that leads, and goes on from there.
            led, leads = leads, self._board.state != health.STANDBY
            if leads and not led:
                self._take_over()
            if leads:
                self._look()

    def _take_over(self) -> None:
        """Go on from what the process before has told."""
        with self._guard:
            seconds = time.monotonic()
            mine, self._ledger = self._ledger.past(seconds).events, Ledger()
            self._standing, past = remembered.read(self._job.files, datetime.now(UTC), seconds)
            self._ledger.restore(self._standing.values(), past)
            self._ledger.add(mine)

    def _look(self) -> None:
        with self._guard:
            wrong = self._wrong()
            notice = self._ledger.look(wrong, datetime.now(UTC), time.monotonic(), complete=self._known)
            if notice.events:
                # Nothing else says of these what it said of those that still are so.
                self._untold += notice.events
                self._remember()
        if notice:
            for sender in self._senders:
                sender.send(notice)

    def _wrong(self) -> list[Condition]:
        conditions = [_condition(self._failed, "failed", self._failed)] if self._failed else []
        for table, error in self._tables.items():
            conditions.append(_condition(error, f"table:{table}", f"{table} is left as it was: {error}"))
        stale = monitor.readiness(self._job)
        if stale["level"] in ("warn", "fail"):
            conditions.append(Condition("stale", "stale", stale["problems"][0]))
        held = loghold.problems(loghold.read(self._job.files), followed=self._job.settings.reads_log)
        conditions += (Condition("problem", "slot", told) for told in held)
        problems = dict(self._board.problems)
        return [*conditions, *(Condition("problem", f"problem:{key}", told) for key, told in problems.items())]

    def _delivered(self, notice: Notice) -> None:
        """One of the URLs has it."""
        with self._guard:
            self._standing |= {fact.key: fact for fact in notice.firing}
            for fact in notice.resolved:
                self._standing.pop(fact.key, None)
            self._untold = [fact for fact in self._untold if fact not in notice.events]
            self._remember()

    def _remember(self) -> None:
        """Let the next process know."""
        seconds = time.monotonic()
        past = self._ledger.past(seconds)
        past = replace(past, events=(*self._untold, *past.events))
        remembered.write(self._job.files, self._standing.values(), past, datetime.now(UTC), seconds)


def _condition(error: str, key: str, text: str) -> Condition:
    """One of a failure; rows that a guard holds back are another matter than what may have failed before."""
    return Condition("guard", f"guard:{key}", text) if "max_delete_share" in error else Condition("failed", key, text)


class _Sender:
    """Hands messages to one URL, in a thread of its own: one that is away keeps nobody else waiting."""

    def __init__(self, place: int, url: str, target: str, done: Callable[[Notice], None]) -> None:
        self._hand, self._target, self._done = delivery.to(place, url), target, done
        self._name = delivery.named(place, url)
        self._waiting: queue.Queue[Notice] = queue.Queue(_WAITING)
        self._closing = threading.Event()
        self._log = structlog.get_logger()
        threading.Thread(target=self._work, name=f"alerts {place}", daemon=True).start()

    def send(self, notice: Notice) -> None:
        """Hand it over, soon. Of too many that wait the oldest is lost."""
        while True:
            try:
                return self._waiting.put_nowait(notice)
            except queue.Full:
                with suppress(queue.Empty):
                    self._waiting.get_nowait()

    def close(self) -> None:
        self._closing.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            with suppress(queue.Empty):
                self._deliver(self._waiting.get(timeout=_LOOK))

    def _deliver(self, notice: Notice) -> None:
        """Try until it is taken, more and more rarely; that it fails is told once."""
        backoff, again = Backoff(), False
        while not self._closing.is_set():
            try:
                self._hand(notice, self._target)
            except errors.AlertFailed as error:
                if not backoff.failures:
                    self._log.error(error.message, action="alert_failed", hint=error.hint)
                again = not self._closing.wait(backoff.failed().total_seconds())
            else:
                if again:
                    self._log.info(f"{self._name} works again", action="alert_recovered")
                self._log.debug(f"{self._name} was told", action="alert_sent")
                return self._done(notice)
