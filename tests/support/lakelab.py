"""A `Lab` whose target is a lake: its catalog is another database of the same server, its data a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from app import config
from app.lakes import Lake
from app.reporting import store
from jobs.job import Job
from tests.support import syncing
from tests.support.syncing import Lab


@dataclass
class LakeLab(Lab):
    """One source database, one lake, the tables between them. `place` is the folder of this machine's notes."""

    catalog: str = ""
    place: str = "here"

    @property
    def data(self) -> Path:
        """The folder of the Parquet files."""
        return self.folder / "the data"

    @property
    def job(self) -> Job:
        here = self.folder / self.place
        here.mkdir(exist_ok=True)
        settings = config.Settings(
            source={"url": self.url, **self.source},
            target={"path": here / "reporting.duckdb", "url": lake_url(self.catalog), "data": self.data, **self.target},
            sync={"margin": self.margin, **self.sync_options},
            tables=self.specs,
            base=here,
        )
        return Job(settings, self.url, self.keep)

    @property
    def lake(self) -> Lake:
        found = self.job.settings.lake
        assert found is not None
        return found

    def open(self, **given: Any) -> Any:
        """The store that readers get."""
        return store.open(self.job.settings.target_path, lake=self.lake, **given)

    def attached(self, snapshot: int | None = None) -> duckdb.DuckDBPyConnection:
        """A plain session of DuckDB with the lake as `reporting`."""
        connection = duckdb.connect(":memory:", config={"allow_unsigned_extensions": True})
        for statement in (*self.lake.loads(), *self.lake.attaches("reporting", snapshot=snapshot)):
            connection.execute(statement)
        connection.execute("USE reporting")
        return connection

    def file_rows(self, table: str) -> list[tuple[str, ...]]:
        with self.connect() as conn, self.attached() as lake:
            return syncing._file_rows(lake, table, syncing.column_names(conn, table))

    def assert_equal(self, *tables: str) -> None:
        with self.connect() as conn, self.attached() as lake:
            for table in tables or [spec["name"] for spec in self.specs]:
                names = syncing.column_names(conn, table)
                assert syncing._file_rows(lake, table, names) == syncing._source_rows(conn, table, names), table


def lake_url(catalog: str) -> str:
    """The target's URL for a catalog in the database of this URL."""
    return f"ducklake:postgres:{catalog}"
