"""Where tables lie while they are copied, before a lake is given them: a file of this machine's."""

from __future__ import annotations

from pathlib import Path

import duckdb

from app import statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.source import widths


class Staging(DuckSession):
    """A session with such a file, made when it is needed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, room: Path | None = None) -> None:
        super().__init__(connection, room)
        self._rows = widths.ROW_GROUP
        self._staged = False

    @property
    def staging(self) -> str:
        """The database in which a table lies while it is copied, made when the first one is."""
        if not self._staged:
            path = str(self._room / "staging.duckdb") if self._room else ":memory:"
            self.execute(f"ATTACH {quoting.literal(path)} AS staging (ROW_GROUP_SIZE {self._rows})")
            self._staged = True
        return "staging"

    def unstage(self) -> None:
        """Give back the room of what was staged."""
        if self._staged:
            self._staged = False
            self.execute(statements.get("engine", "detach_staging"))
            for path in self._room.glob("staging.duckdb*") if self._room else ():
                path.unlink(missing_ok=True)
