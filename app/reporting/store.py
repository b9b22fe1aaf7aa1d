"""The reporting file, once it is open: read-only, locked down, and every answer says how fresh it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar

import duckdb

from app import errors, exact, execution, statements
from app.execution import Limits, Spill
from app.reporting import answer, parquet
from app.reporting.guard import Checked
from app.reporting.result import Result, distinct

Answer = TypeVar("Answer")
Work = Callable[[], Answer]
Parameters = answer.Parameters
OF_THE_CLIENT, failure = answer.OF_THE_CLIENT, answer.failure

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
}
# After the file is attached: from then on no other file can be reached, and nothing but the time zone be set.
_LOCK_DOWN = ("enter", "close_off", "allow_zone", "lock")


class Store:
    """An open reporting file. Use it from one thread; open another for another thread.

    `session` is locked down, and `check` judges what runs in it; `connection` is closed with it. `listed` gives schema
    and name of what there is to read.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        session: duckdb.DuckDBPyConnection,
        check: Callable[[str], Checked],
        as_of: datetime,
        run_id: str,
        limits: Limits,
        spill: Spill | None = None,
        listed: Callable[[], list[tuple[str, str]]] = list,
    ) -> None:
        self._connection = connection
        self._session = session
        self._check = check
        self._listed = listed
        self._limits = limits
        self._spill = spill
        self._worker = execution.Worker(session)
        self.as_of = as_of
        self.run_id = run_id

    def query(self, sql: str, params: Parameters = ()) -> Result:
        """Run one reading statement with bound values; times come back in UTC.

        A value that Python's type can't hold is text, as PostgreSQL spells it: an interval, infinity, a date before the
        year 1 or after 9999. Raises `errors.UsageError` for any other statement, `errors.QueryFailed` with DuckDB's
        message, `errors.QueryTooBig` beyond the limits, and `errors.TargetUnusable` where the file is damaged.
        """
        fetched = self._run(lambda: answer.ask(self._session, self._check(sql), params, self._limits))
        return Result(distinct(fetched.names), fetched.types, fetched.rows, self.as_of)

    def first(self, sql: str, params: Parameters = (), *, most: int) -> tuple[Result, bool]:
        """The first rows of a statement, and whether there are more. Raises what `query` does."""

        def work() -> Result:
            begun = answer.begin(self._session, self._check(sql), params)
            return Result(distinct(begun.names), begun.types, answer.next_rows(begun, most + 1), self.as_of)

        fetched = self._run(work)
        return replace(fetched, rows=fetched.rows[:most]), len(fetched.rows) > most

    def batches(self, sql: str, params: Parameters = (), *, most: int) -> Iterator[Result]:
        """All rows of a statement, so many at a time; the first batch may have none. No limit of rows.

        Each is waited for as long as a query may take. Raises what `query` does; ask the store nothing in between.
        """
        begun = self._run(lambda: answer.begin(self._session, self._check(sql), params))
        names = distinct(begun.names)
        yield Result(names, begun.types, [], self.as_of)
        while rows := self._run(lambda: answer.next_rows(begun, most)):
            yield Result(names, begun.types, rows, self.as_of)

    def write_parquet(self, sql: str, params: Parameters = ()) -> int:
        """Write what a statement gives into the file that `Limits.writes` names; returns the number of rows.

        There is no limit of rows. Raises what `query` does.
        """
        return self._run(lambda: self._write_parquet(sql, params))

    def _write_parquet(self, sql: str, params: Parameters) -> int:
        checked = self._check(sql)
        if checked.plans or self._limits.writes is None:
            raise errors.UsageError("a plan is no table: it can't be a Parquet file")
        columns = answer.described(self._session, checked.text, params)
        kinds = exact.types_of(self._session, [column[1] for column in columns], checked.text, params)
        names = distinct([column[0] for column in columns])
        return parquet.write(self._session, checked, params, names, kinds, path=self._limits.writes, as_of=self.as_of)

    def _run(self, work: Work[Answer]) -> Answer:
        try:
            return self._worker.run(work, self._limits)
        except (duckdb.Error, *OF_THE_CLIENT) as error:
            raise failure(error, self._limits) from error

    @property
    def lost(self) -> bool:
        """Whether a query goes on that DuckDB would not give up: then nothing of the store can be closed."""
        return self._worker.lost

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every copied table and read model, sorted."""
        return self._listed()

    def relations(self) -> dict[tuple[str, str], list[str]]:
        """Everything that a query may name, but what is Neaptide's, by schema and name, with the columns."""
        result = self.query(statements.get("queries/session", "list_all"))
        schema, name, columns = map(result.columns.index, ("schema", "name", "column_names"))
        return {(row[schema], row[name]): list(row[columns]) for row in result.rows if row[schema] != "neaptide"}

    def bind(self, sql: str, params: Parameters = ()) -> None:
        """Look whether a statement could be run, and run nothing. Raises what `query` does."""
        self._run(lambda: answer.described(self._session, self._check(sql).text, params))

    def reads(self, sql: str) -> frozenset[tuple[str, str]]:
        """Schema and name of each table that a statement names, folded; the schema is empty where it has none."""
        return frozenset((one.schema, one.name) for one in self._run(lambda: self._check(sql)).tables)

    @cached_property
    def models(self) -> frozenset[str]:
        """The names of the read models; a file doesn't change while it is open."""
        return frozenset(name for schema, name in self.tables() if schema == "models")

    def close(self) -> None:
        """Give the file back. Closing twice is fine."""
        if not self.lost:
            self._session.close()
            self._connection.close()
        if self._spill:
            self._spill.remove()


def freshness(connection: duckdb.DuckDBPyConnection) -> tuple[datetime, str]:
    """When the file is from, and of which run. It is a view of the file's, which anybody may have put there."""
    row = connection.execute(statements.get("queries/session", "freshness")).fetchone()
    if row is None or not isinstance(row[0], datetime) or not row[0].tzinfo:
        raise duckdb.InvalidInputException("it was never finished: neaptide.freshness says nothing")
    return row[0].astimezone(UTC), str(row[1])


def lock_down() -> list[str]:
    """The statements that shut a session once what it reads is attached."""
    return [statements.get("queries/session", name) for name in _LOCK_DOWN]
