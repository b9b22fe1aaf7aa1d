"""Bounds a run: when its time is up, every session it has is told to stop what it is doing."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Self

import duckdb
import psycopg

from jobs.source import Connection
from jobs.target import Target


class Deadline:
    """A timer around a run; cancelled sessions raise `errors.SourceTimeout`."""

    def __init__(self, limit: timedelta) -> None:
        self._timer = threading.Timer(limit.total_seconds(), self._strike)
        self._timer.daemon = True
        self._guarded: list[Connection | Target] = []
        self.passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def guard(self, session: Connection | Target) -> None:
        """Stop this session too when the time is up."""
        self._guarded.append(session)

    def _strike(self) -> None:
        self.passed = True
        for session in self._guarded:
            with suppress(psycopg.Error, duckdb.Error):
                if isinstance(session, Target):
                    session.connection.interrupt()
                else:
                    session.cancel_safe(timeout=5)
