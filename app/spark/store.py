"""A store whose queries Spark answers, at the snapshot of a lake that another store has open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from app import errors, execution
from app import statements as queries
from app.execution import Limits
from app.lakes import Lake
from app.reporting import store
from app.reporting.guard import Checked
from app.reporting.lakes import LakeStore
from app.reporting.result import Result
from app.spark import cluster, files, results, statements, zones
from app.spark.oracle import Oracle
from app.spark.tables import Known, LakeTables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_GONE = ("PATH_NOT_FOUND", "FileNotFoundException", "FAILED_READ_FILE", "does not exist")
_NULL = '"NULL"'


@dataclass(frozen=True)
class _Question:
    """A statement that Spark can answer: the names and types of its columns, and the tables that it needs."""

    text: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    tables: LakeTables
    zones: frozenset[str]


class SparkStore(store.Store):
    """Answers as the store of the lake does, from the same snapshot. Spark is started with the first question."""

    def __init__(self, base: LakeStore, lake: Lake, place: cluster.Cluster, limits: Limits) -> None:
        connection = duckdb.connect(":memory:", config=store.CONFIG)
        for statement in (*limits.settings(), *(queries.get("spark", name) for name in ("in_utc", "locked_in"))):
            connection.execute(statement)
        super().__init__(
            connection, session=connection, check=lambda text: Checked(text, frozenset()), as_of=base.as_of,
            run_id=base.run_id, limits=limits,
        )  # fmt: skip
        self._base, self._lake, self._place = base, lake, place
        self._stack = ExitStack()
        self._oracle = self._stack.enter_context(Oracle())
        self._spark: SparkSession | None = None
        self._answered_once = False

    def query(self, sql: str, params: store.Parameters = ()) -> Result:
        """As `Store.query`. Raises `errors.NotOnSpark` besides for what Spark would answer otherwise."""
        return super().query(self._answer(sql, params))

    def first(self, sql: str, params: store.Parameters = (), *, most: int) -> tuple[Result, bool]:
        return super().first(self._answer(sql, params), most=most)

    def batches(self, sql: str, params: store.Parameters = (), *, most: int) -> Iterator[Result]:
        return super().batches(self._answer(sql, params), most=most)

    def write_parquet(self, sql: str, params: store.Parameters = ()) -> int:
        return super().write_parquet(self._answer(sql, params))

    def bind(self, sql: str, params: store.Parameters = ()) -> None:
        """Look whether Spark could answer it."""
        self._asked(sql, params)

    def tables(self) -> list[tuple[str, str]]:
        return self._base.tables()

    def relations(self) -> dict[tuple[str, str], list[str]]:
        return self._base.relations()

    def close(self) -> None:
        """End what was started on the cluster; the lake's store is closed by who opened it."""
        self._stack.close()
        super().close()

    def _answer(self, sql: str, params: store.Parameters) -> str:
        """Have it answered; returns the statement that reads the answer."""
        try:
            return self._answered(sql, params)
        except errors.SnapshotGone:
            if self._answered_once:
                raise
            self._base.reopen()
            self._answered_once = True
            return self._answered(sql, params)

    def _answered(self, sql: str, params: store.Parameters) -> str:
        asked = self._asked(sql, params)
        # The lake's store may have gone on to another snapshot meanwhile.
        self.as_of, self.run_id = self._base.as_of, self._base.run_id
        spark = self._started()
        with files.opened(self._lake, self._base.snapshot) as catalog:
            known = asked.tables.located(catalog)
        rows = self._waited(spark, lambda: self._rows(spark, asked, known))
        self._answered_once = True
        if len(rows) > self._limits.max_rows:
            raise errors.QueryTooBig(
                f"the result has more than {self._limits.max_rows:,} rows",
                hint="ask for less, with a LIMIT for instance, or raise [query] max_rows",
            )
        return results.stored(self._connection, asked.names, asked.types, rows)

    def _asked(self, sql: str, params: store.Parameters) -> _Question:
        """The statement for Spark, once it was judged like every other and DuckDB has said what it gives."""
        names, types, text = self._base.described(sql, params)
        tables = LakeTables(self._base)
        translation = statements.translated(self._oracle, text, params, tables)
        given = tuple("INTEGER" if kind == "NULL" else kind for kind in translation.types)
        if given != tuple("INTEGER" if kind == _NULL else kind for kind in types):
            raise errors.NotOnSpark("the statement's columns would be of other types on Spark")
        return _Question(translation.sql, names, given, tables, translation.zones)

    def _started(self) -> SparkSession:
        if self._spark is None:
            self._spark = self._stack.enter_context(cluster.session(self._place))
        return self._spark

    def _rows(self, spark: SparkSession, asked: _Question, known: Known) -> list[Any]:
        zones.check(spark, self._oracle, asked.zones)
        asked.tables.show(spark, known)
        return list(spark.sql(results.carried(asked.types, asked.text, self._limits.max_rows)).collect())

    def _waited(self, spark: SparkSession, work: Callable[[], list[Any]]) -> list[Any]:
        """What the work gives, within the time of a query; then the cluster is told to stop."""
        future: futures.Future[list[Any]] = futures.Future()
        execution.begin(future, work)
        try:
            return future.result(self._limits.timeout.total_seconds())
        except futures.TimeoutError:
            raise errors.QueryTooBig(
                f"the query took longer than {self._limits.timeout.total_seconds():g} s",
                hint="ask for less, or raise [query] timeout",
            ) from None
        except errors.NeaptideError:
            raise
        except Exception as error:
            raise self._failure(error) from error
        finally:
            if not future.done():
                spark.sparkContext.cancelAllJobs()

    def _failure(self, error: Exception) -> errors.NeaptideError:
        text = str(error)
        if any(word in text for word in _GONE) and self._base.is_gone():
            return errors.SnapshotGone()
        return _told(text, cluster.first_line(error))


def _told(text: str, line: str) -> errors.NeaptideError:
    """The error of ours for one of Spark's. Its own words for a value stand in its first line."""
    if "USER_RAISED_EXCEPTION" in text:
        said = text.partition("[USER_RAISED_EXCEPTION]")[2].partition("SQLSTATE")[0].strip()
        return errors.NotOnSpark(said, hint="leave --engine spark out: DuckDB answers it")
    if "UNRESOLVED_COLUMN" in text:
        return errors.NotOnSpark("a column was added with a value for the rows before it, which their files lack")
    return errors.QueryFailed(f"Spark: {line}")


@contextmanager
def opened(base: store.Store, lake: Lake, place: cluster.Cluster, limits: Limits) -> Iterator[SparkStore]:
    """A store on Spark over the store of a lake."""
    assert isinstance(base, LakeStore)
    spark_store = SparkStore(base, lake, place, limits)
    try:
        yield spark_store
    finally:
        spark_store.close()
