"""The reporting file, the only door to it: read-only, locked down, and every answer says how fresh it is.

The published name is a link to one of two files; the sync writes the other one and swaps the link. So opening means:
follow the link, open what it points to, and look again, because the file may have been swapped in between. An open
store keeps its file, and so its one consistent state, however often the sync publishes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import duckdb

from app import errors, exact, execution, statements, versions
from app.execution import Limits, Spill
from app.lakes import Lake
from app.reporting import answer, parquet, published
from app.reporting.exposure import Exposure
from app.reporting.guard import Checked
from app.reporting.result import Result, distinct

Found = TypeVar("Found")
Work = Callable[[], Found]
Parameters = answer.Parameters
OF_THE_CLIENT, failure = answer.OF_THE_CLIENT, answer.failure
# Brings the published file up to date with every commit that ended before the call. It may return the source's own
# clock as it stood when it began, which is then what `as_of` is held against: the two clocks may differ.
Refresh = Callable[[], datetime | None]

_SYNC = "run `neaptide sync`"
_REBUILD = "run `neaptide sync --full`: it sets the file aside and builds a new one"
_ATTEMPTS = 40
_PAUSE = 0.05
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
        found = self._run(lambda: answer.ask(self._session, self._check(sql), params, self._limits))
        return Result(distinct(found.names), found.types, found.rows, self.as_of)

    def first(self, sql: str, params: Parameters = (), *, most: int) -> tuple[Result, bool]:
        """The first rows of a statement, and whether there are more. Raises what `query` does."""

        def work() -> Result:
            begun = answer.begin(self._session, self._check(sql), params)
            return Result(distinct(begun.names), begun.types, answer.next_rows(begun, most + 1), self.as_of)

        found = self._run(work)
        return replace(found, rows=found.rows[:most]), len(found.rows) > most

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

    def _run(self, work: Work[Found]) -> Found:
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


@contextmanager
def open(  # noqa: A001  reporting.open is the name people look for
    path: Path,
    refresh: Refresh | None = None,
    max_staleness: timedelta | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: Limits | None = None,
    lake: Lake | None = None,
) -> Iterator[Store]:
    """Open the published file; with `max_staleness`, one whose `as_of` is at most that old when this is called.

    An older or absent file is brought up to date by `refresh`, once; `timedelta(0)` always asks for that. Raises
    `errors.TooStale` where the file is too old all the same, `errors.NoReportingFile`, `errors.TargetUnusable` for a
    damaged file, `errors.LockHeld` where a writer holds the file itself. With a `lake`, that is what is opened.
    """
    allowed = limits or Limits()

    def opened() -> Store:
        return _lake_now(lake, allowed) if lake else _open_now(path, allowed)

    store = opened() if max_staleness is None else _open_fresh(opened, refresh, max_staleness, clock())
    try:
        yield store
    finally:
        store.close()


def _lake_now(lake: Lake, limits: Limits) -> Store:
    from app.reporting import lakes

    return lakes.opened(lake, limits)


def _open_fresh(opened: Callable[[], Store], refresh: Refresh | None, limit: timedelta, called_at: datetime) -> Store:
    store = _open_if_there(opened) if limit or refresh is None else None
    if store is not None and called_at - store.as_of <= limit:
        return store
    if store is not None:
        store.close()
    if refresh is None:
        raise _too_stale(store, limit, called_at)
    called_at = refresh() or called_at
    store = opened()
    if called_at - store.as_of > limit:
        store.close()
        raise _too_stale(store, limit, called_at)
    return store


def _too_stale(store: Store | None, limit: timedelta, now: datetime) -> errors.NeaptideError:
    if store is None:
        return errors.NoReportingFile(hint=_SYNC)
    age, allowed = (now - store.as_of).total_seconds(), limit.total_seconds()
    return errors.TooStale(f"the reporting file is {age:.3f} s old, more than the {allowed:g} s allowed", hint=_SYNC)


def _open_if_there(opened: Callable[[], Store]) -> Store | None:
    try:
        return opened()
    except errors.NoReportingFile:
        return None


def _open_now(path: Path, limits: Limits) -> Store:
    """Open what the link points to; again, a bounded number of times, while it moves or is locked."""
    for attempt in range(1, _ATTEMPTS + 1):
        file, before = published.resolved(path)
        try:
            store = _store(path, file, limits)
        except duckdb.Error as error:
            if attempt == _ATTEMPTS or not (_is_lock(error) or published.has_moved(path, before)):
                raise _unopened(path, error) from error
            time.sleep(_PAUSE)
            continue
        if attempt == _ATTEMPTS or not published.has_moved(path, before):
            return store
        store.close()
    raise errors.Bug


def _store(path: Path, file: Path, limits: Limits) -> Store:
    _check(path, file)
    # Attached to an instance of its own: DuckDB shares one instance per file name within a process, so a name that
    # means a new file by now would show the old one for as long as anybody here has that open.
    spill = Spill()
    connection = duckdb.connect(":memory:", config=CONFIG)
    worker = execution.Worker(connection)
    try:
        connection.execute(f"ATTACH {_literal(str(file))} AS reporting (READ_ONLY)")
        for statement in (*limits.settings(spill), *lock_down()):
            connection.execute(statement)
        as_of, run_id = worker.run(lambda: freshness(connection), limits)
        session = connection.cursor()
        session.execute(statements.get("queries/session", "in_utc"))
        exposure = Exposure(session)
        return Store(
            connection, session=session, check=exposure.check, listed=exposure.readable, limits=limits, spill=spill,
            run_id=run_id, as_of=max(as_of, published.checked_as_of(path, run_id) or as_of),
        )  # fmt: skip
    except BaseException:
        if not worker.lost:
            connection.close()
        spill.remove()
        raise


def _check(path: Path, file: Path) -> None:
    """Raise DuckDB's error where what would be opened is not what was published: another program wrote to it."""
    try:
        altered = versions.is_altered(path, file)
    except OSError as error:
        raise duckdb.IOException(str(error)) from error
    left = [log for log in versions.named_logs(file) if os.path.lexists(log)]
    if altered or left:
        raise duckdb.IOException(f"another program wrote to it, or has it open for writing ({(left or [file])[0]})")


def freshness(connection: duckdb.DuckDBPyConnection) -> tuple[datetime, str]:
    """When the file is from, and of which run. It is a view of the file's, which anybody may have put there."""
    row = connection.execute(statements.get("queries/session", "freshness")).fetchone()
    if row is None or not isinstance(row[0], datetime) or not row[0].tzinfo:
        raise duckdb.InvalidInputException("it was never finished: neaptide.freshness says nothing")
    return row[0].astimezone(UTC), str(row[1])


def lock_down() -> list[str]:
    """The statements that shut a session once what it reads is attached."""
    return [statements.get("queries/session", name) for name in _LOCK_DOWN]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_lock(error: duckdb.Error) -> bool:
    # DuckDB has no class of its own for this, nor for a file that the same process has open for writing.
    text = str(error)
    return "Could not set lock" in text or "different configuration" in text


def _unopened(path: Path, error: duckdb.Error) -> errors.NeaptideError:
    if _is_lock(error):
        hint = "close the program that opened it for writing; readers open it read-only"
        return errors.LockHeld(f"{path} is held by a writer: {error}", hint=hint)
    return errors.TargetUnusable(f"{path} is no reporting file that can be read: {error}", hint=_REBUILD)
