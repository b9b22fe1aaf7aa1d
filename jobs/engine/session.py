"""One DuckDB session of a run: the file being written is attached as `out`, PostgreSQL as `pg`.

Everything is written with DELETE … WHERE key IN (SELECT …), INSERT … SELECT and UPDATE on an attached catalogue, so
another kind of target that can be attached can take the file's place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from app import statements
from jobs import quoting
from jobs.engine import storage
from jobs.engine.bridge import Bridge
from jobs.engine.failures import Damaged, translate
from jobs.engine.memory import Memory
from jobs.source import widths

# How long a log may get before DuckDB checkpoints by itself: its default.
_LOG = "16MiB"


class DuckSession(Bridge, Memory):
    """A DuckDB session. Made by jobs/engine/opening.py.

    `private`: nobody sees what is committed to `out` before all of it is published. `at_once`: what a run writes is one
    transaction, tables that are copied anew included, so that one that fails leaves nothing of itself.
    """

    private = True
    at_once = False

    def __init__(self, connection: duckdb.DuckDBPyConnection, room: Path | None = None) -> None:
        super().__init__(connection)
        self._room = room
        # What one run leaves in the session for the next: see jobs/run/carry.py.
        self.carried: Any = None
        self._merges = True

    def cursor(self) -> DuckSession:
        """Another session of the same DuckDB, with transactions of its own, for another thread."""
        session = DuckSession(self.connection.cursor())
        session._settings, session._pads = self._settings, self._pads
        return session

    @property
    def staging(self) -> str:
        """The database in which a table lies while it is copied."""
        return "out"

    @contextmanager
    def fetching_by_place(self) -> Iterator[None]:
        """Have a join with a few rowids read the places they name, and not look at every row for them.

        Of at most a thousand: more are as slow.
        """
        self.execute(statements.get("engine", "fetch_by_place"))
        yield
        self.execute(statements.get("engine", "fetch_as_usual"))

    def let_go(self) -> None:
        """Have no file attached any more, before the session is kept for the next run."""
        for name in ("published", "out"):
            self.execute(f"DETACH DATABASE IF EXISTS {name}")
        self.give_back_room()

    def close(self) -> None:
        """End the session and everything in it."""
        self.connection.close()
        if self._room is not None:
            shutil.rmtree(self._room, ignore_errors=True)

    def close_off(self) -> None:
        """Let the session reach nothing any more but what is attached to it by now."""
        self.execute(statements.get("engine", "close_off"))

    def refuse_views(self) -> None:
        """Raise `Damaged` where the file has views of somebody else's: one may do anything to whoever reads it."""
        strange = [row["name"] for row in self.block("no_tables")]
        if strange:
            raise Damaged(f"the reporting file is damaged: {', '.join(strange)} is not Neaptide's")

    def write_through(self, *, merge: bool = True) -> None:
        """Have the commit that comes next write the file itself, as `checkpoint` does, and no log before.

        DuckDB checkpoints in place of a log where a commit would bring that beyond `checkpoint_threshold`. The file
        is nobody else's yet, so a log that is written, synced to disk and copied into it at once is of no use.
        """
        self._set_merging(merge)
        self.execute(statements.get("engine", "write_through"))

    def checkpoint(self, *, merge: bool = True) -> None:
        """Write the log, if there is one, into the file and let go of it: afterwards it is one whole file, and closed.

        With `merge`, DuckDB also puts small row groups together, and those from which much was deleted.
        """
        self._set_merging(merge)
        self.execute(statements.get("engine", "checkpoint"))
        self.execute(statements.get("engine", "detach"))

    def _set_merging(self, merge: bool) -> None:
        self.execute(f"SET max_vacuum_tasks = {100 if merge and self._merges else 0}")

    def attach(self, path: Path, mode: str = "") -> None:
        """Open the file as `out`, with row groups of DuckDB's own size."""
        self.execute(f"ATTACH {quoting.literal(str(path))} AS out{mode}")
        self.execute(f"SET checkpoint_threshold = '{_LOG}'")
        self._merges = True
        self.make_room(path)

    def attach_published(self, path: Path) -> None:
        """Have the published file beside the one that is written, to be read, as `published`."""
        self.execute(f"ATTACH IF NOT EXISTS {quoting.literal(str(path))} AS published (READ_ONLY)")

    def regroup(self, rows: int) -> None:
        """Open the file anew, so that what is written gets row groups of so many rows; before anything is written."""
        path = self.one(statements.get("engine", "path"))
        self.execute(statements.get("engine", "detach"))
        self.execute(f"ATTACH {quoting.literal(path)} AS out (ROW_GROUP_SIZE {rows})")
        # To merge row groups a checkpoint reads them whole; targets/file/compact.py looks after files of huge rows.
        self._merges = rows > widths.VECTOR

    def defined(self, name: str, duckdb_type: str, key: Sequence[str]) -> str:
        """A column's definition in a table of `out` with this key."""
        return storage.defined(name, duckdb_type, key)

    def begin_writing(self) -> None:
        """Make sure that what is written follows what was read before, in the transaction that writes it."""

    def check_writer(self) -> None:
        """Raise `errors.LockHeld` where the lock was lost meanwhile; asked right before the commit."""

    def bytes_of(self, schema: str, name: str) -> int | None:
        """The bytes of the blocks a table has to itself; small ones share theirs. None where DuckDB can't be asked."""
        table = quoting.as_argument("out", schema, name)
        return None if table is None else int(self.rows(statements.get("status", "size"), {"name": table})[0]["bytes"])

    def has(self, name: str, database: str = "out") -> bool:
        """Whether the file has a table or view of this quoted name; asked without a look at every attached database."""
        try:
            self.connection.execute(f"SELECT 1 FROM {database}.{name} LIMIT 0")
        except duckdb.CatalogException:
            return False
        except duckdb.Error as error:
            raise translate(error) from error
        return True

    def copied_tables(self) -> list[tuple[str, str]]:
        """Schema and name of every copied table in the file."""
        return [(row["schema"], row["name"]) for row in self.block("list_tables")]
