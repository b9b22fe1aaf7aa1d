"""One table for each way of reading changes, all written alike, so that a trap is set for all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from app import errors
from jobs import results
from jobs.sessions import OpenSessions
from tests.support.events import telling
from tests.support.syncing import Lab

MODES: dict[str, dict[str, Any]] = {
    "stamped": {"watermark": "updated_at"},
    "counted": {"watermark": "xid"},
    "compared": {"watermark": "updated_at", "deletes": "compare", "max_delete_share": 1},
}
# The one that events tell of has no triggers of ours: what they miss, no sweep finds.
LOGGED: dict[str, dict[str, Any]] = {
    "logged": {"feed": "wal"},
    "told": {"feed": "events", "watermark": "none"},
}
COLUMNS = "(id bigint PRIMARY KEY, name text)"


@dataclass
class Trio:
    """A lab with a table for each way. `{t}` in a statement stands for each of them in turn."""

    lab: Lab
    keep: OpenSessions | None = field(default_factory=OpenSessions)
    turn: int = 0
    names: tuple[str, ...] = tuple(MODES)

    @classmethod
    def made(
        cls, url: str, folder: Path, columns: str = COLUMNS, *, rows: int = 10, sync: bool = True, log: bool = True
    ) -> Trio:
        """Tracked, filled and synced; with `log` there are two more, one followed in the log, one by events."""
        modes = MODES | (LOGGED if log else {})
        specs = [{"name": f"public.{name}", **mode} for name, mode in modes.items()]
        found = cls(Lab(url, folder, specs), names=tuple(modes))
        found.run(f"CREATE TABLE {{t}} {columns}")
        if rows:
            found.run(f"INSERT INTO {{t}} SELECT g, 'row ' || g FROM generate_series(1, {rows}) AS g")
        found.lab.track()
        if log:
            found.lab.run(*telling("public.told", "id"))
            # The daemon's target has a slot of its own.
            found._kept.track()
        if sync:
            found.sync()
        return found

    def run(self, *statements: str) -> None:
        """Each statement in a transaction of its own."""
        with self.lab.connect() as conn:
            for statement in statements:
                self.on(conn, statement)

    def on(self, conn: psycopg.Connection[Any], *statements: str) -> None:
        """The statements in this session, for each table."""
        for statement in statements:
            for name in self.names if "{t}" in statement else ("",):
                conn.execute(statement.replace("{t}", name).encode())

    def begin(self) -> psycopg.Connection[Any]:
        """A session whose transaction begins with its first statement."""
        return self.lab.connect(autocommit=False)

    def sync(self, **given: Any) -> results.Run:
        """One run, after which both sides hold the same; and every other time one into a target of a daemon's own.

        What it returns is the first.
        """
        run = self.lab.sync(**given)
        self.lab.assert_equal()
        self.turn += 1
        if self.keep and self.turn % 2:
            self._sync_kept(**given)
        return run

    @property
    def _kept(self) -> Lab:
        return replace(self.lab, folder=self.lab.folder / "kept", keep=self.keep)

    def _sync_kept(self, **given: Any) -> None:
        """In sessions that stay open, and once more where a restart of the server ended them."""
        kept = self._kept
        try:
            kept.sync(**given)
        except errors.SourceUnavailable:
            kept.sync(**given)
        kept.assert_equal()

    def settle(self) -> None:
        """Bring both files on, one after the other: what the watermark of one has missed shows when it is its turn."""
        for turn in range(2):
            self.run(f"INSERT INTO {{t}} (id) VALUES ({9000 + turn})")
            self.turn = 0
            self.sync()


def row_counts(run: results.Run) -> dict[str, tuple[str, int, int]]:
    """Each table's action, rows in and rows out."""
    return {table.table.removeprefix("public."): (table.action, table.rows_in, table.rows_out) for table in run.tables}
