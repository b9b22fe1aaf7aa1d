"""The same SQL on PostgreSQL itself: no lag, slower, and nothing but the config's tables.

Every table is a view of the name it has in the reporting file, with the same columns, types, filters and masks, so a
query gives what the file would give, were it synced this very moment. All of it is read in one snapshot. What a query
may touch is a list, checked on its parsed form: the views, its own common table expressions, and functions that only
make rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app import errors, reporting
from jobs import apply, filters, quoting, target
from jobs.job import Job
from jobs.moment import Moment, moment
from jobs.tables import Table
from jobs.target import Target

_ROW_MAKERS = {"range", "generate_series", "unnest", "repeat", "repeat_row"}
_SYSTEM = ("duckdb_", "pg_", "sqlite_", "pragma_")
_HINT = "with --live a query reads the tables of the config; leave --live out for the reporting file"


class LiveStore(reporting.Store):
    """A `reporting.Store` on PostgreSQL. `as_of` is the moment of its snapshot."""

    def __init__(self, session: Target, now: Moment) -> None:
        super().__init__(session.connection, as_of=now.snapshot.as_of, run_id="live")
        self._names = {_name(table) for table in now.tables} | {("neaptide", "freshness")}

    def query(self, sql: str, params: reporting.Parameters = ()) -> reporting.Result:
        """Like `reporting.Store.query`; `errors.SourceUnavailable` where PostgreSQL fails."""
        self._check(sql)
        try:
            return super().query(sql, params)
        except errors.TargetUnusable as error:
            raise errors.SourceUnavailable(f"PostgreSQL failed: {error.message}") from error

    def _check(self, sql: str) -> None:
        """Raise `errors.UsageError` unless the query reads just the config's tables."""
        row = self._connection.execute("SELECT json_serialize_sql($query::VARCHAR)", {"query": sql}).fetchone()
        tree = json.loads(row[0]) if row else {}
        if tree.get("error") and "parser" in str(tree.get("error_type", "")).lower():
            raise errors.QueryFailed(str(tree.get("error_message", "")))
        if tree.get("error"):
            raise errors.UsageError("only one SELECT can run with --live", hint=_HINT)
        expressions = {name.lower() for node in _nodes(tree) for name in _expression_names(node)}
        for node in _nodes(tree):
            self._check_node(node, expressions)

    def _check_node(self, node: dict[str, Any], expressions: set[str]) -> None:
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            if name not in _ROW_MAKERS:
                raise errors.UsageError(f"the function {name} is not allowed with --live", hint=_HINT)
        if node.get("type") == "BASE_TABLE":
            catalog, schema, name = (
                str(node.get(f"{part}_name", "")).lower() for part in ("catalog", "schema", "table")
            )
            known = (schema, name) in self._names or (not schema and ("main", name) in self._names)
            own = not schema and name in expressions and not name.startswith(_SYSTEM)
            if catalog or not (known or own):
                shown = ".".join(part for part in (catalog, schema, name) if part)
                raise errors.UsageError(f"{shown} is not among the tables of the config", hint=_HINT)


@contextmanager
def open(job: Job) -> Iterator[LiveStore]:  # noqa: A001  live.open beside reporting.open
    """A store that reads PostgreSQL in one snapshot. Raises what a run would."""
    with moment(job) as now, target.session(job, strict=True) as session:
        session.attach_source(job.source)
        with session.transaction():
            _see(session, now)
            for table in now.tables:
                _create_view(session, table)
            _create_freshness(session, now)
            for setting in ("enable_external_access = false", "lock_configuration = true"):
                session.execute(f"SET {setting}")
            yield LiveStore(session, now)


def _see(session: Target, now: Moment) -> None:
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


def _create_view(session: Target, table: Table) -> None:
    """What a full load would put into the file, as a view."""
    name = f"memory.{table.file_quoted}"
    session.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{quoting.identifier(_name(table, fold=False)[0])}")
    rows = apply.source_rows(table, table.columns, filters.kept(table))
    session.execute(f"CREATE VIEW {name} AS {rows.joined()}")


def _create_freshness(session: Target, now: Moment) -> None:
    moment_text = quoting.literal(now.snapshot.as_of.isoformat())
    session.execute("CREATE SCHEMA IF NOT EXISTS memory.neaptide")
    session.execute(
        f"CREATE VIEW memory.neaptide.freshness AS SELECT {moment_text}::TIMESTAMPTZ AS as_of, 'live' AS run_id,"
        f" {moment_text}::TIMESTAMPTZ AS finished_at"
    )


def _name(table: Table, *, fold: bool = True) -> tuple[str, str]:
    """Schema and name in the file; DuckDB holds names equal that differ in case only."""
    schema, name = quoting.split_name(table.name)
    return (schema.lower(), name.lower()) if fold else (schema, name)


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _expression_names(node: dict[str, Any]) -> list[str]:
    """The names that WITH gives in this part of the query."""
    found = node.get("cte_map")
    entries = found.get("map", []) if isinstance(found, dict) else []
    return [str(entry["key"]) for entry in entries if "key" in entry]
