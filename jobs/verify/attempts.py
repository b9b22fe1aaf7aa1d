"""What ends a transaction that compares, so that another one goes on without what it failed for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobs.models.build import NotBuilt
from jobs.run.context import TableFailed
from jobs.source.session import SourceSession


class NothingMended(Exception):
    """What was written says nothing new, and where a commit is all that it takes to publish, it is undone."""


@contextmanager
def setting_aside(now: SourceSession, tried: dict[str, str] | None = None) -> Iterator[None]:
    """A table that can't be compared doesn't keep the others from it; the transaction is over.

    Nor does a model that can't be built: it is noted in `tried`.
    """
    try:
        yield
    except TableFailed as failed:
        now.set_aside({failed.table: failed.error})
    except NotBuilt as failed:
        if tried is None:
            raise
        tried[failed.name] = failed.reason
    except NothingMended:
        pass
