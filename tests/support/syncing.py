"""A source with a few tables, a target beside it, and a comparison of both that shares no code with the sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from app import config
from jobs import quoting, results
from jobs.job import Job
from jobs.run import sync
from jobs.sessions import OpenSessions
from jobs.tracking import install
from tests.support import events as telling
from tests.support import feeds, targets

NO_MARGIN = timedelta(0)


@dataclass
class Lab:
    """One source database, one target, the tables between them."""

    url: str
    folder: Path
    specs: list[dict[str, Any]]
    margin: timedelta = NO_MARGIN
    source: dict[str, Any] = field(default_factory=dict)
    sync_options: dict[str, Any] = field(default_factory=dict)
    mode: str = "symlink"
    target: dict[str, Any] = field(default_factory=dict)
    # Sessions that stay open between runs, as in the daemon.
    keep: OpenSessions | None = None
    events: dict[str, Any] = field(default_factory=dict)
    broker_url: str = ""

    def __post_init__(self) -> None:
        self.specs = [feeds.applied(spec) for spec in self.specs]
        self.sync_options = feeds.chosen() | self.sync_options

    @property
    def job(self) -> Job:
        place = {"path": self.folder / "reporting.duckdb", "mode": self.mode, **targets.chosen.settings(self.folder)}
        settings = config.Settings(
            source={"url": self.url, **self.source},
            target={**place, **self.target},
            sync={"margin": self.margin, **self.sync_options},
            events=self.events,
            tables=self.specs,
            base=self.folder,
        )
        return Job(settings, self.url, self.keep, broker_url=self.broker_url)

    @property
    def both(self) -> list[Path]:
        """The two files, the published one first."""
        return [version.path for version in self.job.files.versions()]

    @property
    def spare(self) -> Path:
        """The file that isn't published."""
        found = self.job.files.spare
        assert found is not None
        return found

    def connect(self, **given: Any) -> psycopg.Connection[Any]:
        """A new session of a writer, in autocommit unless told otherwise."""
        return psycopg.connect(self.url, **{"autocommit": True, **given})

    def run(self, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        with self.connect() as conn:
            for statement in statements:
                conn.execute(statement.encode())

    def track(self) -> None:
        """Install what the modes need; where events are to tell of all tables, have their writers tell of them."""
        install.track(self.job, [])
        if feeds.chosen().get("feed") == "events" == self.sync_options.get("feed"):
            self.run(*telling.of_all(self.job))

    def sync(self, **given: Any) -> results.Run:
        """One run."""
        return sync.sync_once(self.job, **given)

    def published(self) -> duckdb.DuckDBPyConnection:
        """A session that reads what is published."""
        if lake := self.job.settings.lake:
            return targets.attached(lake)
        return targets.published(self.folder)

    def source_rows(self, table: str) -> list[tuple[str, ...]]:
        """Every row of the source, as text, sorted."""
        with self.connect() as conn:
            return _source_rows(conn, table, column_names(conn, table))

    def file_rows(self, table: str) -> list[tuple[str, ...]]:
        """Every row of the published file, as text, sorted."""
        with self.connect() as conn, self.published() as file:
            return rows(file, table, column_names(conn, table))

    def assert_equal(self, *tables: str) -> None:
        """Both sides hold the same rows, every one of them as often."""
        with self.connect() as conn, self.published() as file:
            for table in tables or [spec["name"] for spec in self.specs]:
                names = column_names(conn, table)
                assert rows(file, table, names) == _source_rows(conn, table, names), table


def column_names(conn: psycopg.Connection[Any], table: str) -> list[str]:
    """The columns, in order."""
    return [item.name for item in conn.execute(f"SELECT * FROM {table} LIMIT 0".encode()).description or ()]


def read(path: Path, table: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    """A table of a reporting file as text, sorted; timestamps in PostgreSQL's spelling."""
    with duckdb.connect(str(path), read_only=True) as file:
        return rows(file, table, names)


def rows(file: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The same of a session that is open."""
    file.execute("SET TimeZone = 'UTC'")
    fields = ", ".join(f"{quoting.identifier(name)}::VARCHAR" for name in names)
    return sorted(file.execute(f"SELECT {fields} FROM {table}").fetchall(), key=repr)


def _source_rows(conn: psycopg.Connection[Any], table: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    fields = ", ".join(f"{quoting.identifier(name)}::text" for name in names)
    return sorted(conn.execute(f"SELECT {fields} FROM {table}".encode()).fetchall(), key=repr)
