"""The unit of work of a dual write: PostgreSQL and the reporting file in one, both or neither.

What happens to the file is not known here: whoever begins the transaction also ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Protocol, Self

from sqlalchemy import Engine

from app.dispatcher import Dispatcher
from app.oltp.uow import SqlAlchemyUnitOfWork


class Writing(Protocol):
    """A transaction that was begun on the connection."""

    def commit(self) -> None:
        """Bring the file over what was written, and commit both. Raises `errors.*`; then neither was."""


# Begins a REPEATABLE READ transaction on a driver's connection, and rolls it back where it is left without a commit.
Begin = Callable[[Any], AbstractContextManager[Writing]]


class DualUnitOfWork(SqlAlchemyUnitOfWork):
    """As `SqlAlchemyUnitOfWork`, in REPEATABLE READ: who meets another writer gets `errors.ConcurrencyConflict`."""

    def __init__(self, engine: Engine, dispatcher: Dispatcher | None, begin: Begin) -> None:
        super().__init__(engine, dispatcher)
        self._begin, self._open = begin, ExitStack()
        self._writing: Writing | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            assert self._connection is not None
            self._writing = self._open.enter_context(self._begin(self._connection.connection.driver_connection))
        except BaseException as error:
            super().__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._open.close()
        finally:
            super().__exit__(kind, error, trace)

    def _finish(self) -> None:
        assert self._writing is not None
        self._writing.commit()
