"""A lake that no sync made, and stores over it: DuckDB's and Spark's, which must answer alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from app.execution import Limits
from app.lakes import Lake
from app.reporting import opening, store
from app.reporting.result import Result
from app.spark import cluster
from app.spark import store as spark
from app.spark.store import SparkStore
from tests.support import lakelab, shopfile
from tests.support.cluster import Cluster

_INLINING = "DATA_INLINING_ROW_LIMIT 0"


@dataclass
class LakeOnly:
    """A lake by itself; its catalog is a database of a test's server."""

    lake: Lake
    catalog: str

    def attached(self, *, inlining: int = 0) -> duckdb.DuckDBPyConnection:
        """A session that writes to it; up to so many rows of a statement go into the catalog itself."""
        connection = duckdb.connect(":memory:", config={"allow_unsigned_extensions": True})
        for statement in (*self.lake.loads(), *self.lake.attaches("reporting")):
            connection.execute(statement.replace(_INLINING, f"DATA_INLINING_ROW_LIMIT {inlining}"))
        connection.execute("USE reporting")
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def run(self, *sql: str, inlining: int = 0) -> None:
        """Statements, each of them a snapshot."""
        with self.attached(inlining=inlining) as connection:
            for statement in sql:
                connection.execute(statement)

    def open(self, **given: Any) -> Any:
        return opening.open(Path("no.lake"), lake=self.lake, **given)


@contextmanager
def made(postgres: Cluster, folder: Path, *sql: str) -> Iterator[LakeOnly]:
    """An empty lake with what readers look for, and what these statements make."""
    catalog = postgres.create_database()
    found = LakeOnly(Lake(lakelab.lake_url(catalog), str(folder / "the data {1}")), catalog)
    Path(found.lake.data).mkdir(parents=True)
    found.run(
        "CREATE SCHEMA neaptide",
        "CREATE TABLE neaptide.runs (run_id VARCHAR, as_of TIMESTAMPTZ)",
        f"INSERT INTO neaptide.runs VALUES ('run-1', '{shopfile.AS_OF.isoformat()}')",
        "CREATE VIEW neaptide.freshness AS SELECT as_of, run_id, as_of AS finished_at FROM neaptide.runs",
        *sql,
    )
    yield found
    postgres.drop_database(catalog)


def fill_with_shop(lab: LakeOnly, folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A shop's tables, whose rows came in several runs: some were deleted and came again."""
    file = shopfile.build(folder, tables).resolve()
    with lab.attached() as lake:
        lake.execute(f"ATTACH '{file}' AS file (READ_ONLY)")
        lake.execute("CREATE SCHEMA shop")
        for (name,) in lake.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'file'").fetchall():
            if name != "run":
                _spread(lake, name)
    numbered = "SELECT * REPLACE (number || 'x' AS number) FROM shop.orders WHERE number LIKE '%3' LIMIT 9"
    lab.run(
        "DELETE FROM shop.orders WHERE number LIKE '%7'",
        "DELETE FROM shop.products WHERE sku LIKE '%9'",
        f"INSERT INTO shop.orders {numbered}",
        inlining=100,
    )


def _spread(lake: duckdb.DuckDBPyConnection, name: str) -> None:
    lake.execute(f"CREATE TABLE shop.{name} AS SELECT * FROM file.shop.{name} WHERE hash({name}) % 3 <> 0")
    lake.execute(f"DELETE FROM shop.{name} WHERE hash({name}) % 3 = 1")
    lake.execute(f"INSERT INTO shop.{name} SELECT * FROM file.shop.{name} WHERE hash({name}) % 3 <> 2")


@contextmanager
def on_spark(lab: LakeOnly, master: str, **limits: Any) -> Iterator[tuple[store.Store, SparkStore]]:
    """The lake's own store, and Spark's over the same snapshot."""
    place = cluster.Cluster(master, "512m", timedelta(minutes=2), "512m")
    given = Limits(**limits)
    with lab.open(limits=given) as base, spark.opened(base, lab.lake, place, given) as found:
        yield base, found


def same(one: Result, other: Result) -> bool:
    """Whether two answers are alike to the last digit and sign: NaN is itself here, and -0.0 is not 0.0."""
    return [(found.columns, found.types, list(map(repr, found.rows))) for found in (one,)] == [
        (found.columns, found.types, list(map(repr, found.rows))) for found in (other,)
    ]
