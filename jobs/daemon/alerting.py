"""Looks once a second at what is wrong, and has it told; what is told stands beside the target for the next process."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from jobs.alerts.ledger import Condition, Fact, Ledger, Notice
from jobs.daemon import monitor, remembered
from jobs.daemon.sender import Sender
from jobs.job import Job
from jobs.results import Run
from jobs.status import board as health
from jobs.status import loghold
from jobs.status.board import Board

_LOOK = 0.5
# How a run's reason begins that is no change of the schema, but a matter of the sync.
_OWN = ("first copy", "asked for", "storage", "deletes since", "transaction ids", "the source's clock", "its rows")


class Alerting:
    """The alerts of one service; without URLs it does nothing."""

    def __init__(self, job: Job, board: Board) -> None:
        """Raises `errors.ConfigError` and `errors.MissingExtra` for URLs that nothing can be sent to."""
        self._job, self._board = job, board
        urls = [url.get_secret_value() for url in job.settings.alerts.urls]
        self._senders = [Sender(place, url, str(job.files.link), self._delivered) for place, url in enumerate(urls)]
        self._ledger, self._guard = Ledger(), threading.Lock()
        self._standing: dict[str, Fact] = {}
        self._failed: str | None = None
        self._tables: dict[str, str] = {}
        self._away: dict[str, str] = {}
        self._known = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._senders:
            self._thread.start()

    def close(self) -> None:
        """Look no more; what a URL has not taken yet is left for the next process."""
        self._closing.set()
        for sender in self._senders:
            sender.close()

    def ran(self, run: Run) -> None:
        """A run ended."""
        now = datetime.now(UTC)
        with self._guard:
            self._failed, self._known = None, True
            # A source that is away is one thing, whatever the number of its tables.
            self._away = {one.source: one.error for one in run.sources if one.error}
            away = tuple(self._away.values())
            self._tables = {one.table: one.error or "" for one in run.failed if not (one.error or "").startswith(away)}
            for table in run.tables:
                if table.action in ("full", "removed") and table.reason and not table.reason.startswith(_OWN):
                    text = f"{table.table} was {'copied anew' if table.action == 'full' else 'removed'}: {table.reason}"
                    self._ledger.happened("schema", f"schema:{table.table}", text, now)
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
            elif led:
                # All that waits stands beside the target, for whoever leads now.
                for sender in self._senders:
                    sender.restore(())

    def _take_over(self) -> None:
        """Go on from what the process before has told."""
        with self._guard:
            seconds = time.monotonic()
            mine, self._ledger = self._ledger.past(seconds).events, Ledger()
            self._standing, past = remembered.read(self._job.files, datetime.now(UTC), seconds)
            left = remembered.waiting(self._job.files)
            for sender in self._senders:
                sender.restore(left.get(sender.name, ()))
            self._ledger.restore(self._standing.values(), past)
            self._ledger.add(mine)

    def _look(self) -> None:
        with self._guard:
            wrong = self._wrong()
            notice = self._ledger.look(wrong, datetime.now(UTC), time.monotonic(), complete=self._known)
            if notice:
                self._tell(notice)

    def _wrong(self) -> list[Condition]:
        conditions = [_condition(self._failed, "failed", self._failed)] if self._failed else []
        for table, error in self._tables.items():
            conditions.append(_condition(error, f"table:{table}", f"{table} is left as it was: {error}"))
        conditions += (_condition(error, f"source:{name}", error) for name, error in self._away.items())
        stale = monitor.readiness(self._job)
        if stale["level"] in ("warn", "fail"):
            conditions.append(Condition("stale", "stale", stale["problems"][0]))
        for source, held in loghold.complaints(self._job).items():
            conditions += (Condition("problem", f"slot {source}".strip(), problem) for problem in held)
        problems = dict(self._board.problems)
        return [*conditions, *(Condition("problem", f"problem:{key}", problem) for key, problem in problems.items())]

    def _tell(self, notice: Notice) -> None:
        """Each URL is to get it, whenever it can be reached: so it is kept before the first one does."""
        self._standing |= {fact.key: fact for fact in notice.firing}
        for fact in notice.resolved:
            self._standing.pop(fact.key, None)
        for sender in self._senders:
            sender.queue(notice)
        self._remember()
        for sender in self._senders:
            sender.wake()

    def _delivered(self) -> None:
        """One of the URLs has a message more."""
        with self._guard:
            self._remember()

    def _remember(self) -> None:
        """Let the next process know."""
        seconds = time.monotonic()
        waiting = {sender.name: sender.waiting() for sender in self._senders}
        past = self._ledger.past(seconds)
        remembered.write(self._job.files, self._standing.values(), past, datetime.now(UTC), seconds, waiting)


def _condition(error: str, key: str, text: str) -> Condition:
    """One of a failure; rows that a guard holds back are another matter than what may have failed before."""
    return Condition("guard", f"guard:{key}", text) if "max_delete_share" in error else Condition("failed", key, text)
