"""Connections that need not wait for ever for a server that neither answers nor goes away.

Such a server (stopped, or on a machine that hangs) keeps its sockets open and its kernel acknowledges what it is sent,
so that no timeout of TCP's ever fires, and a statement_timeout is kept by the server itself.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from app import errors

# How long a question may take that costs the server next to nothing, in seconds.
ANSWER = 3.0


class Impatient(psycopg.Connection[Any]):
    """A connection that is given up where no answer comes within `limit` seconds, if there is one."""

    limit: float | None = None

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Allow answers so much time meanwhile."""
        self.limit, before = seconds, self.limit
        try:
            yield
        finally:
            self.limit = before

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises `errors.SourceUnavailable` then, and the connection is closed."""
        if self.limit is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_bounded(gen, self.limit), *args, **kwargs)
        except errors.SourceUnavailable:
            self.close()
            raise


def _bounded(gen: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """The same, until the time is up: psycopg sends a zero into it several times a second while nothing comes."""
    until = time.monotonic() + seconds
    ready = None
    while True:
        try:
            wanted = gen.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield wanted
        if not ready and time.monotonic() >= until:
            raise errors.SourceUnavailable(
                f"PostgreSQL does not answer: not a word for {seconds:g} s",
                hint="look at the server: it was stopped, or its machine hangs",
            )
