"""The same SQL on PostgreSQL itself: no lag, slower, and nothing but the config's tables.

Every table is a view of the name it has in the reporting file, with the same columns, types, filters and masks, so a
query gives what the file would give, were it synced this very moment. All of it is read in one snapshot. What a query
may do is judged as for the file (`app.reporting.guard`); what it may read are these views.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property

import duckdb

from app import errors, statements
from app.execution import Limits
from app.reporting import guard
from app.reporting import store as reporting
from app.reporting.result import Result
from jobs import quoting
from jobs.engine import opening
from jobs.engine import rows as apply
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.models.file import Model
from jobs.models.folder import Folder
from jobs.plan import steps
from jobs.replica import Replica, named
from jobs.source.connection import Source
from jobs.source.session import SourceSession, source_session
from jobs.tables import filters
from jobs.tables.table import Table
from jobs.targets import targets

_MODELS = "models"
# What can't be closed because a query goes on in it, until the process ends.
_left: list[ExitStack] = []


class _Scope:
    """The config's tables. A list of all tables would show PostgreSQL's others, a plan how columns are masked."""

    lists = False

    def __init__(self, now: SourceSession) -> None:
        self._names = {_name(table) for table in now.tables} | {("neaptide", "freshness")}
        self.tables = sorted(quoting.split_name(table.name) for table in now.tables)
        self._short = _short(now)

    def has(self, table: guard.Reference) -> bool:
        listed = (table.schema or "main", table.name) in self._names
        return not table.catalog and (listed or (not table.schema and table.name in self._short))

    def macro(self, function: guard.Reference) -> bool:
        """PostgreSQL keeps no history."""
        return False

    def names(self) -> Collection[str]:
        return [quoting.readable(*name) for name in self._names]

    def add(self, model: Model) -> None:
        """Let a read model be asked for, too."""
        self._names.add((_MODELS, quoting.fold(model.name)))
        self.tables.append((_MODELS, model.name))


class LiveStore(reporting.Store):
    """A `reporting.Store` on PostgreSQL. `as_of` is the moment of its snapshot."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, scope: _Scope, now: SourceSession, limits: Limits
    ) -> None:
        super().__init__(
            connection, session=connection, check=lambda sql: guard.check(sql, connection, scope), limits=limits,
            as_of=now.snapshot.as_of, run_id="live", listed=lambda: sorted(scope.tables),
        )  # fmt: skip
        self._copied = now.tables

    @cached_property
    def models(self) -> frozenset[str]:
        """None: a report's quicker way reads models that are kept, and here each would be worked out for it."""
        return frozenset()

    def source_types(self, table: str) -> dict[str, str]:
        """The types in PostgreSQL by the names of the columns; none of a model's."""
        copied = next((one for one in self._copied if one.name == table), None)
        columns = copied.signature["columns"] if copied else ()
        return {quoting.unquoted(one["target"]): one["type"] for one in columns}

    def relations(self) -> dict[tuple[str, str], list[str]]:
        """The same with their columns."""
        return {
            (schema, name): columns
            for schema, name, columns in self._session.execute(statements.get("live", "columns")).fetchall()
        }

    def query(self, sql: str, params: reporting.Parameters = ()) -> Result:
        """Like `reporting.Store.query`; `errors.SourceUnavailable` where PostgreSQL fails."""
        with _failures():
            return super().query(sql, params)

    def write_parquet(self, sql: str, params: reporting.Parameters = ()) -> int:
        """Like `reporting.Store.write_parquet`; `errors.SourceUnavailable` where PostgreSQL fails."""
        with _failures():
            return super().write_parquet(sql, params)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except errors.TargetUnusable as error:
        raise errors.SourceUnavailable(f"PostgreSQL failed: {error.message}") from error


@contextmanager
def open(  # noqa: A001  live.open beside reporting.open
    job: Job, limits: Limits | None = None, replica: Replica | None = None
) -> Iterator[LiveStore]:
    """A store that reads PostgreSQL in one snapshot; where it is a replica, once that has come far enough.

    Raises what a run would, and what `Replica.meet` does.
    """
    with ExitStack() as stack:
        with named() if replica else nullcontext():
            now = stack.enter_context(source_session(job, guard=replica.meet if replica else _welcome))
        if replica:
            now.snapshot = replace(now.snapshot, as_of=replica.as_of(now.snapshot.as_of))
        now.set_aside(steps.swapped(now.tables, targets.of(job).peek()))
        session = stack.enter_context(opening.alone(job, strict=True))
        session.attach_source(Source.of(job), guests=now.snapshot.guests)
        stack.enter_context(session.transaction())
        _see(session, now)
        for table in now.tables:
            _create_view(session, table)
        for name in _short(now):
            session.execute(
                f"CREATE VIEW memory.main.{quoting.identifier(name)} AS FROM memory.public.{quoting.identifier(name)}"
            )
        _create_freshness(session, now)
        scope = _Scope(now)
        _create_models(session, job, scope)
        store = _store(session, now, scope, limits or Limits())
        try:
            yield store
        finally:
            if store.lost:
                _left.append(stack.pop_all())


def _welcome(_: object) -> None:
    """The source itself is what it is."""


def _store(session: DuckSession, now: SourceSession, scope: _Scope, limits: Limits) -> LiveStore:
    """The session, from here on locked down and within the limits."""
    shut = (statements.get("engine", name) for name in ("close_off", "lock"))
    for statement in (*limits.settings(), *shut):
        session.execute(statement)
    return LiveStore(session.connection, scope, now, limits)


def _see(session: DuckSession, now: SourceSession) -> None:
    """See what the moment's session sees; on a standby, where nobody may join it, at least as much.

    The tables are still as that session found them: it keeps its locks. Raises `errors.StandbyBehind` where another
    server answers here, one that has not come as far.
    """
    if now.spool is None:
        session.join_snapshot(now.snapshot)
        return
    session.see(now.snapshot)
    seen = f"SELECT pg_last_wal_replay_lsn() >= {quoting.literal(now.snapshot.wal)}::pg_lsn AS seen"
    if not session.one(f"FROM postgres_query('pg', {quoting.literal(seen)})"):
        raise errors.StandbyBehind("the source's URL leads to several standbys, one of them behind the other")


def _create_view(session: DuckSession, table: Table) -> None:
    """What a full load would put into the file, as a view."""
    name = f"memory.{table.file_quoted}"
    session.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{quoting.identifier(_name(table, fold=False)[0])}")
    rows = apply.source_rows(table, table.columns, filters.belongs(table))
    session.execute(f"CREATE VIEW {name} AS {rows.joined()}")


def _create_models(session: DuckSession, job: Job, scope: _Scope) -> None:
    """Each read model as the SELECT that it is, inputs first; one that can't be read is not there."""
    waiting = dict(Folder.of(job.settings).models)
    if waiting:
        session.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{_MODELS}")
    while ready := [model for model in waiting.values() if _is_readable(session, model, scope)]:
        for model in ready:
            del waiting[model.name]
            scope.add(model)


def _is_readable(session: DuckSession, model: Model, scope: _Scope) -> bool:
    """Whether it could be made; it is judged like anybody's query."""
    try:
        text = guard.check(model.text, session.connection, scope).text
        session.connection.execute(f"CREATE VIEW memory.{_MODELS}.{quoting.identifier(model.name)} AS {text}")
    except (errors.NeaptideError, duckdb.BinderException, duckdb.CatalogException):
        return False
    return True


def _short(now: SourceSession) -> set[str]:
    """The tables of `public` that are found without their schema, as in PostgreSQL and in the file."""
    names = {_name(table) for table in now.tables}
    return {name for schema, name in names if schema == "public" and ("main", name) not in names}


def _create_freshness(session: DuckSession, now: SourceSession) -> None:
    moment_text = quoting.literal(now.snapshot.as_of.isoformat())
    session.execute(statements.get("live", "create_schema"))
    session.execute(
        f"CREATE VIEW memory.neaptide.freshness AS SELECT {moment_text}::TIMESTAMPTZ AS as_of, 'live' AS run_id,"
        f" {moment_text}::TIMESTAMPTZ AS finished_at"
    )


def _name(table: Table, *, fold: bool = True) -> tuple[str, str]:
    """Schema and name in the file; DuckDB holds names equal that differ in case only."""
    schema, name = quoting.split_name(table.name)
    return (quoting.fold(schema), quoting.fold(name)) if fold else (schema, name)
