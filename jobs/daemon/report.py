"""What the daemon tells: records in the log, counts on the board, and the small file beside the target for `status`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from app import errors
from jobs.backoff import Reporter
from jobs.beside.names import Names
from jobs.daemon.lead import Holder
from jobs.plan.steps import FIRST, FULL
from jobs.results import Run
from jobs.status import board as health
from jobs.status.board import Board

# How often the small file is written while all goes well, in seconds.
_WRITE_STATE = 1.0
_PAUSED = "paused"


class Teller:
    """Tells failures once, then rarely and with a count, and their end in one line."""

    def __init__(self, files: Names, board: Board, next_run: Callable[[], datetime | None]) -> None:
        self._files = files
        self._board = board
        self._next_run = next_run
        self.log = structlog.get_logger()
        self._written = float("-inf")
        self._runs, self._reach, self._lead = Reporter(), Reporter(), Reporter()

    # The lead

    def leads(self) -> None:
        """The locks are held and the source answers."""
        self._recovered(self._reach)
        self._lead.succeeded()
        self._board.problems.pop(health.LEAD, None)
        self._state(health.LEADING)
        self.log.info("this daemon keeps the target", action="leading", target=str(self._files.link))

    def stands_by(self, holder: Holder) -> None:
        """Somebody else has a lock; called again and again while they do."""
        trouble = self._lead.failed(holder.text, datetime.now(UTC), time.monotonic())
        if holder.is_daemon:
            self._board.problems.pop(health.LEAD, None)
        else:
            self._board.problems[health.LEAD] = holder.complaint
        self._board.state = health.STANDBY
        self.leave_state(always=trouble is not None)
        if trouble is None:
            return
        if not holder.is_daemon:
            self.log.error(holder.complaint, action="lead_taken", hint=holder.advice)
        elif trouble.count == 1:
            self.log.info(f"{holder.text} keeps this target; standing by", action="standby")

    def unreachable(self, error: errors.NeaptideError, pause: timedelta) -> None:
        """The source can't be reached, or doesn't answer any more."""
        self._failed(error, pause, self._reach, "source_unreachable")
        self._state(health.WAITING)

    # Runs

    def ran(self, run: Run, seconds: float) -> None:
        """A run ended."""
        now = datetime.now(UTC)
        self._board.succeeded(run, seconds, now)
        self._done(run, seconds)
        _tell_copies(run, self.log)
        self._failed_tables(run, now)
        self._paused_tables(run)
        for warning in run.warnings:
            self.log.warning(warning, action="run_warning")

    def run_failed(self, error: BaseException, pause: timedelta) -> None:
        """A run failed, and is tried again after the pause."""
        self._board.runs["failed"] += 1
        self._failed(error, pause, self._runs, "run_failed")

    def _done(self, run: Run, seconds: float) -> None:
        log = self.log.info if run.changed else self.log.debug
        counts = {
            "rows_in": sum(table.rows_in for table in run.tables),
            "rows_out": sum(table.rows_out for table in run.tables),
        }
        log(
            "a run brought the file up to date" if run.changed else "a run found nothing changed",
            action="run_done", run_id=run.run_id, as_of=run.as_of.isoformat(), changed=run.changed,
            seconds=round(seconds, 3), **counts,
        )  # fmt: skip

    def _failed_tables(self, run: Run, now: datetime) -> None:
        """Some tables stayed as they were, or models are missing: no reason to run less often, but one to be told."""
        sentences = [f"{table.table} is left as it was: {table.error}" for table in run.failed]
        sentences += [f"models.{model.model} is not in the file: {model.error}" for model in run.failed_models]
        if not sentences:
            self._recovered(self._runs)
            return
        message, action = "; ".join(sentences), "table_failed" if run.failed else "model_failed"
        self._board.failed(message, now)
        trouble = self._runs.failed(message, now, time.monotonic())
        if trouble is not None:
            self.log.error(message, action=action, failures=trouble.count, since=trouble.since.isoformat())

    def _paused_tables(self, run: Run) -> None:
        """What is about to be forgotten of paused tables: told once, and in `status` for as long as it is so."""
        sentence = "; ".join(
            f"{one.table} is paused: {one.notes[0]}" for one in run.tables if one.action == _PAUSED and one.notes
        )
        if not sentence:
            self._board.problems.pop(_PAUSED, None)
        elif self._board.problems.setdefault(_PAUSED, "") != sentence:
            if not self._board.problems[_PAUSED]:
                self.log.warning(sentence, action="paused_too_long")
            self._board.problems[_PAUSED] = sentence

    # The clock

    def clock_was_set(self, step: timedelta) -> None:
        """This machine's wall clock jumped."""
        how = "back" if step < timedelta() else "forward"
        self.log.warning(
            f"this machine's clock was set {how} by {abs(step.total_seconds()):.0f} s: runs go on as before",
            action="clock_set", seconds=round(step.total_seconds(), 3),
        )  # fmt: skip

    # All of it

    def leave_state(self, *, always: bool = True) -> None:
        """Write the small file for `status`, which is the leader's; unless `always`, at most once a second."""
        now = time.monotonic()
        if not always and now - self._written < _WRITE_STATE:
            return
        self._written = now
        self._board.next_run = self._next_run()
        if self._board.state != health.STANDBY or health.LEAD in self._board.problems:
            with suppress(OSError):
                health.write(self._files, self._board)

    def _state(self, state: str) -> None:
        self._board.state = state
        self.leave_state()

    def _failed(self, error: BaseException, pause: timedelta, reporter: Reporter, action: str) -> None:
        now = datetime.now(UTC)
        message = error.message if isinstance(error, errors.NeaptideError) else f"{type(error).__name__}: {error}"
        self._board.failed(message, now)
        trouble = reporter.failed(message, now, time.monotonic())
        if trouble is None:
            return
        hint = error.hint if isinstance(error, errors.NeaptideError) else None
        unexpected = None if isinstance(error, errors.NeaptideError) else error  # a bug is told with its traceback
        self.log.error(
            message, action=action, hint=hint, failures=trouble.count, since=trouble.since.isoformat(),
            next_attempt_in=pause.total_seconds(), exc_info=unexpected,
        )  # fmt: skip

    def _recovered(self, reporter: Reporter) -> None:
        over = reporter.succeeded()
        if over is not None:
            self.log.info(
                "it works again", action="recovered", failures=over.count, since=over.since.isoformat(),
                was=over.message,
            )  # fmt: skip


def _tell_copies(run: Run, log: Any) -> None:
    """Why a table that was there was copied whole: what it costs, and where its feed had a gap, should be seen."""
    for table in run.tables:
        if table.action == FULL and table.reason not in ("", FIRST):
            message = f"{table.table} was copied anew: {table.reason}"
            log.info(message, action="copied_anew", table=table.table)
