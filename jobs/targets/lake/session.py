"""A session that the lake is attached to as `out`. Whatever is committed there is what readers see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from app import errors, statements
from app.lakes import Lake
from jobs import quoting
from jobs.source import widths
from jobs.targets.lake import earlier
from jobs.targets.lake.failures import translate
from jobs.targets.lake.staging import Staging

# Parquet would make doubles of these without a word; a number beyond the digits is refused.
_AS_DECIMAL = {"HUGEINT": "DECIMAL(38,0)", "UHUGEINT": "DECIMAL(38,0)"}
_CHANGED = ("INTERVAL", "TIME WITH TIME ZONE", "TIMETZ", "HUGEINT", "BIT", "ENUM", "UNION")


class LakeSession(Staging):
    """A `DuckSession` on a lake. Made by jobs/targets/lake/sessions.py.

    All of a run is one transaction of it: a transaction within that is a part of it. Tables that are copied are staged
    in a file of this machine's, since readers see what a lake has been given.
    """

    private = False
    at_once = True

    def __init__(self, connection: duckdb.DuckDBPyConnection, room: Path | None = None) -> None:
        super().__init__(connection, room)
        self.lake: Lake | None = None
        # Raises where the lock was lost.
        self.permit: Callable[[], None] = lambda: None
        self._inside = False
        self._seen: int | None = None
        # What is of no use to a run that makes the lake anew.
        self._drops: list[str] = []
        # The statement that last gave the session the keys of an object store.
        self._unlocked = ""

    def open_lake(self, lake: Lake, snapshot: int | None = None) -> None:
        """Attach the lake as `out`; at a `snapshot`, for reading. What is attached already stays, with keys renewed."""
        if self.lake is not None:
            self._renew(self.lake)
            return
        for statement in (*lake.loads(), *lake.attaches("out", snapshot=snapshot)):
            self.execute(statement)
        self.lake = lake

    def _renew(self, lake: Lake) -> None:
        for statement in lake.unlocks():
            if statement != self._unlocked:
                self.execute(statement)
                self._unlocked = statement

    def execute(self, query: str, given: dict[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run one statement; errors of the lake's catalog are told from the source's."""
        try:
            return self.connection.execute(query, given) if given else self.connection.execute(query)
        except duckdb.Error as error:
            raise translate(error) from error

    @contextmanager
    def transaction(self, committing: AbstractContextManager[None] | None = None) -> Iterator[None]:
        """All or nothing; one within another is a part of it."""
        if self._inside:
            yield
            return
        self._inside = True
        try:
            with super().transaction(committing):
                yield
        finally:
            self._inside = False

    def cursor(self) -> LakeSession:
        """Another session of the same DuckDB."""
        session = LakeSession(self.connection.cursor())
        session._settings, session._pads, session._staged = self._settings, self._pads, self._staged
        return session

    # What is written

    @property
    def seen(self) -> int | None:
        """The snapshot that was noted."""
        return self._seen

    def look(self) -> None:
        """Note at which snapshot the lake is read, so that what is written follows that one."""
        self._seen = self._snapshot()

    def begin_writing(self) -> None:
        """Raise `errors.LockHeld` where somebody else has written since; in the transaction that writes.

        A writer whose lock was lost without its knowledge would put older rows over newer ones, and nobody would see a
        conflict: the transaction begins after the other one's end.
        """
        if self._seen != self._snapshot():
            raise errors.LockHeld("somebody else has written to the lake meanwhile: this run is given up")
        for drop in self._drops:
            self.execute(drop)

    def begin_anew(self, anew: bool = True) -> None:
        """Drop what is there now, in the transaction that then fills the lake; or nothing."""
        # Not there: this looks at every database, and the source's has to be in its snapshot by then.
        self._drops = earlier.drops(self) if anew else []

    def check_writer(self) -> None:
        """Raise `errors.LockHeld` where the lock was lost meanwhile, and what the daemon raises that must not write.

        The commit then says what its freshness is: who opens the lake learns it together with the snapshot.
        """
        self._sign()
        self.permit()

    def _sign(self) -> None:
        said = self.rows(statements.get("lakefile", "freshness"))[0]
        self.execute(statements.get("lakefile", "sign").replace("$said", quoting.literal(said["freshness"])))

    def _snapshot(self) -> int:
        return int(self.rows(statements.get("lakefile", "snapshot"))[0]["id"])

    def defined(self, name: str, duckdb_type: str, key: Sequence[str]) -> str:
        """A column's definition. Raises `errors.UnsupportedValue` for a model's that Parquet would change."""
        return _defined(name, duckdb_type)

    def regroup(self, rows: int) -> None:
        """Let the files that are written have row groups of so many rows; the lake remembers it for all machines."""
        self.execute(f"CALL out.set_option('parquet_row_group_size', '{rows}')")
        self._rows = rows

    def write_through(self, *, merge: bool = True) -> None:
        """A lake's commit is all there is to it."""

    def checkpoint(self, *, merge: bool = True) -> None:
        """Nothing: to DuckLake it is all of the maintenance, which jobs/targets/lake/upkeep.py asks for."""

    # What is read

    def close_off(self) -> None:
        """Let the session reach nothing any more but the lake's own files."""
        if self.lake is not None:
            self.execute(self.lake.encloses())
        super().close_off()

    def bytes_of(self, schema: str, name: str) -> int | None:
        """The bytes of a table's files."""
        rows = self.rows(statements.get("lakefile", "bytes_of"), {"schema": schema, "name": name})
        return int(rows[0]["bytes"]) if rows else 0

    def let_go(self) -> None:
        """The lake stays attached: to attach it takes a tenth of a second."""
        self.unstage()
        self._rows = widths.ROW_GROUP

    def close(self) -> None:
        """End the session. What is open is rolled back first: else the process ends where the catalog is gone."""
        with suppress(duckdb.Error):
            self.connection.execute("ROLLBACK")
        with suppress(errors.NeaptideError):
            self.unstage()
        super().close()


def _defined(name: str, duckdb_type: str) -> str:
    kind = _AS_DECIMAL.get(duckdb_type, duckdb_type)
    if any(sign in kind for sign in _CHANGED) or (kind.startswith(("STRUCT", "MAP")) and "INT128" in kind):
        raise errors.UnsupportedValue(
            f"the column {name} is {duckdb_type}, which a lake's files would change", hint="cast it to VARCHAR"
        )
    return f"{quoting.identifier(name)} {kind}"
