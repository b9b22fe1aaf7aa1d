"""What one table of the reporting file is made of, from the file alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app import errors, nearest, statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record import state as ledger
from jobs.results import ColumnShape, TableShape
from jobs.status import moments, report
from jobs.targets import targets


def of_table(job: Job, name: str) -> TableShape:
    """Its columns with their types on both sides. The name may lack the schema, where only one table has it.

    Raises `errors.UsageError` with the nearest names for a table that isn't there, `errors.NoReportingFile`.
    """
    with targets.of(job).inspected() as file:
        state = ledger.read(file)
        models = _models(file)
        full_name = meant(name, (*state.tables, *models))
        if full_name in models:
            return _model(job, file, state, full_name)
        saved = state.tables[full_name]
        quoted = quoting.qualified(*quoting.split_name(saved.table))
        source = _source_types(saved.signature)
        columns = [
            ColumnShape(row["column_name"], row["column_type"], source.get(row["column_name"]))
            for row in file.rows(f"DESCRIBE out.{quoted}")
        ]
        as_of = _moment(saved, report.looked(job, state.run_id))
        return TableShape(saved.table, file.one(f"SELECT count(*) FROM out.{quoted}"), as_of, tuple(columns))


def of_models(job: Job) -> list[TableShape]:
    """The read models in the file."""
    with targets.of(job).inspected() as file:
        state = ledger.read(file)
        return [_model(job, file, state, name) for name in _models(file)]


def _models(file: DuckSession) -> list[str]:
    return [quoting.join_name("models", row["name"]) for row in file.rows(statements.get("status", "models"))]


def _moment(saved: ledger.Saved, quiet: moments.Looked) -> datetime:
    return moments.moved_on(saved.table, saved.watermark.snapshot.as_of, quiet, saved.source)


def _model(job: Job, file: DuckSession, state: ledger.State, name: str) -> TableShape:
    """A model's shape; it is at least as old as the oldest table, and PostgreSQL has no types for it."""
    quoted = quoting.qualified(*quoting.split_name(name))
    columns = [ColumnShape(row["column_name"], row["column_type"], None) for row in file.rows(f"DESCRIBE out.{quoted}")]
    quiet = report.looked(job, state.run_id)
    as_of = min(_moment(one, quiet) for one in state.tables.values())
    return TableShape(name, file.one(f"SELECT count(*) FROM out.{quoted}"), as_of, tuple(columns))


def _source_types(signature: dict[str, Any]) -> dict[str, str]:
    """The types in PostgreSQL by the names that the columns have in the file."""
    return {one["name"]: one["type"] for one in signature.get("columns", ())}


def meant(name: str, tables: Iterable[str]) -> str:
    """The table that a name means. Raises `errors.UsageError` with the nearest names for one that isn't there."""
    known = {_folded(*quoting.split_name(table)): table for table in tables}
    schema, wanted = _folded(*quoting.split_name(name))
    if (schema, wanted) in known:
        return known[schema, wanted]
    short = len(quoting.raw_split(name)) == 1
    alike = [table for parts, table in known.items() if short and parts[1] == wanted]
    if len(alike) == 1:
        return alike[0]
    hint = nearest.hint(name, alike or known.values(), "run `neaptide tables` for the list")
    raise errors.UsageError(f"there is no table {name!r} in the reporting file", hint=hint)


def _folded(schema: str, name: str) -> tuple[str, str]:
    return quoting.fold(schema), quoting.fold(name)
