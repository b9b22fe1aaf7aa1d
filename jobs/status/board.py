"""What a daemon knows of itself, for `status`, the health check and the metrics."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobs.beside import notes, smallfile
from jobs.beside.names import Names
from jobs.results import ModelRun, Run

STARTING, STANDBY, WAITING, LEADING, STOPPING = "starting", "standby", "waiting", "leading", "stopping"
# What may stand in the way besides failures: each has one sentence at a time.
LEAD, HTTP = "lead", "http"


@dataclass
class ModelNumbers:
    """What was done to one model: seconds and keys of all runs, and how often it was made anew, by why."""

    seconds: float = 0.0
    keys: int = 0
    rebuilds: Counter[str] = field(default_factory=Counter)

    def add(self, run: ModelRun) -> None:
        """Count what one run did."""
        self.seconds += run.seconds
        self.keys += run.keys
        if run.cause:
            self.rebuilds[run.cause] += 1


@dataclass
class Board:
    """Counters and the present state. One thread writes a field at a time; readers get them one by one."""

    state: str = STARTING
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    next_run: datetime | None = None
    last_success: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    failures_in_a_row: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    as_of: datetime | None = None
    runs: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    models: dict[str, ModelNumbers] = field(default_factory=lambda: defaultdict(ModelNumbers))
    phases: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    phase_counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    wakes: int = 0
    skipped: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Several fields that belong together."""
        with self._guard:
            yield

    def succeeded(self, run: Run, seconds: float, now: datetime) -> None:
        """Count a run that ended."""
        with self._guard:
            self.runs["changed" if run.changed else "unchanged"] += 1
            self.seconds += seconds
            self.last_success, self.as_of = now, run.as_of
            self.last_error, self.failures_in_a_row = None, 0
            for table in run.tables:
                self.rows[table.table, "in"] += table.rows_in
                self.rows[table.table, "out"] += table.rows_out
            for model in run.models:
                self.models[model.model].add(model)
            for phase, took in run.phases.items():
                self.phases[phase] += took
                self.phase_counts[phase] += 1

    def failed(self, message: str, now: datetime) -> None:
        """Count a run, or an attempt to reach the source, that failed."""
        with self._guard:
            self.failures_in_a_row += 1
            self.last_error, self.last_error_at = message, now


def write(files: Names, board: Board) -> None:
    """Leave beside the target what `status` shows of the daemon; by rename, so that readers see all or nothing."""
    smallfile.write(files.beside("daemon"), json.dumps(_content(board)), files.rights())


def read(files: Names) -> dict[str, Any] | None:
    """What the daemon of this target wrote last, with `alive`; None where there was never one."""
    content = notes.read(files.beside("daemon"), notes.Daemon)
    return {**content, "alive": _is_alive(content)} if content else None


def failing(content: dict[str, Any]) -> str:
    """How often it failed since it last succeeded, and why; empty where it did not."""
    times: int = content["failures_in_a_row"]
    often = "" if times == 1 else f" {times} times in a row"
    return f"failed{often}: {content['last_error']}" if times else ""


def _content(board: Board) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "state": board.state,
        "started_at": board.started_at.isoformat(),
        "written_at": datetime.now(UTC).isoformat(),
        "next_run": _text(board.next_run),
        "last_success": _text(board.last_success),
        "last_error": board.last_error,
        "last_error_at": _text(board.last_error_at),
        "failures_in_a_row": board.failures_in_a_row,
        "runs": dict(board.runs),
        "problems": list(board.problems.values()),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _is_alive(content: dict[str, Any]) -> bool | None:
    """Whether the process is there; None on another machine, where nobody can say."""
    if content["host"] != socket.gethostname():
        return None
    if content["state"] == STOPPING:
        return False
    try:
        os.kill(int(content["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
