"""A `Lab` whose target is a lake: its catalog is another database of the same server, its data a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from app import config
from app.lakes import Lake
from app.reporting import opening
from jobs.job import Job
from tests.support import targets
from tests.support.cluster import Cluster
from tests.support.syncing import Lab

SHOP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.a (id int PRIMARY KEY, word text, price numeric(30,4), at timestamptz, u uuid)",
    "CREATE TABLE shop.b (id int, part int, flag boolean, PRIMARY KEY (id, part))",
    "CREATE TABLE shop.c (word text)",
    "INSERT INTO shop.a SELECT n, 'w' || n, n / 3.0, now(), gen_random_uuid() FROM generate_series(1, 3000) AS n",
    "INSERT INTO shop.b SELECT n, n % 3, n % 2 = 0 FROM generate_series(1, 1000) AS n",
    "INSERT INTO shop.c SELECT 'x' FROM generate_series(1, 10)",
)
SPECS = [{"name": "shop.a"}, {"name": "shop.b"}, {"name": "shop.c", "watermark": "none", "deletes": "compare"}]


@dataclass
class LakeLab(Lab):
    """One source database, one lake, the tables between them. `place` is the folder of this machine's notes.

    `store` is where the files are if not in a folder.
    """

    catalog: str = ""
    place: str = "here"
    store: str = ""

    @property
    def data(self) -> Path:
        """The folder of the Parquet files."""
        return self.folder / "the data"

    @property
    def place_of_files(self) -> str:
        """As [target] data has it."""
        return self.store or str(self.data)

    @property
    def job(self) -> Job:
        here = self.folder / self.place
        here.mkdir(exist_ok=True)
        settings = config.Settings(
            source={"url": self.url, **self.source},
            target={
                "path": here / "reporting.duckdb",
                "url": lake_url(self.catalog),
                "data": self.place_of_files,
                **self.target,
            },
            sync={"margin": self.margin, **self.sync_options},
            events=self.events,
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
        return opening.open(self.job.settings.target_path, lake=self.lake, **given)

    def attached(self, snapshot: int | None = None) -> duckdb.DuckDBPyConnection:
        """A plain session of DuckDB with the lake as `reporting`."""
        return targets.attached(self.lake, snapshot)


def lake_url(catalog: str) -> str:
    """The target's URL for a catalog in the database of this URL."""
    return f"ducklake:postgres:{catalog}"


@contextmanager
def shop_lake(postgres: Cluster, url: str, folder: Path) -> Iterator[LakeLab]:
    """Three tables of every kind of key in an empty database, tracked, and a catalog for their lake."""
    catalog = postgres.create_database()
    lab = LakeLab(url, folder, [dict(spec) for spec in SPECS], catalog=catalog)
    lab.run(*SHOP)
    lab.track()
    yield lab
    postgres.drop_database(catalog)


def end_sessions(lab: LakeLab, application: str = "%") -> None:
    """As when the catalog's server is restarted; those of the lock alone have a name."""
    with psycopg.connect(lab.catalog, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE %s",
            [application],
        )


def snapshots(lab: LakeLab) -> list[dict[str, object]]:
    """Every snapshot of the lake, with what changed in it."""
    with lab.attached() as lake:
        found = lake.execute("SELECT snapshot_id, changes FROM reporting.snapshots() ORDER BY 1").fetchall()
        return [{"id": number, **changes} for number, changes in found]
