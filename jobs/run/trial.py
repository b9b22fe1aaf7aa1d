"""Tries each right that a run needs, writing nothing: at the source, on the ways of a run, and in the folder."""

from __future__ import annotations

from dataclasses import replace

from app import errors
from jobs.engine import intake, opening, rows
from jobs.engine.deadline import Deadline
from jobs.engine.session import DuckSession
from jobs.feeds.watermark import misfits
from jobs.job import Job
from jobs.run import reading
from jobs.source import readiness
from jobs.source.session import SourceSession
from jobs.tables.table import Table
from jobs.targets import targets

_ROW = "trial"


def of_rights(job: Job, now: SourceSession, limit: Deadline) -> dict[str, errors.NeaptideError]:
    """Why tables can't be read, by name. Raises what would stop a run of any table.

    DuckDB's sessions at the source are others than ours: they may be refused where ours was let in, and with them
    PostgreSQL asks for each function that a column's value goes through, and for what lies below a view.
    """
    targets.of(job).check_rights()
    readiness.check_tracked(now.conn, now.tables)
    refused: dict[str, errors.NeaptideError] = {}
    with opening.alone(job) as session:
        reading.attach(job, session, now, limit)
        for table in now.tables:
            if table.lack is None and (error := _refusal(session, table, now)):
                refused[table.name] = error
    return refused


def _refusal(session: DuckSession, table: Table, now: SourceSession) -> errors.NeaptideError | None:
    """Read one row as a run does."""
    wire = rows.source_rows(table, table.columns)
    try:
        with session.transaction():
            session.join_snapshot(now.snapshot, now.spool)
            intake.make(session, _ROW, replace(wire, query=f"{wire.query} LIMIT 1"))
            session.execute(f"DROP TABLE {_ROW}")
    except errors.NeaptideError as error:
        if not misfits.is_of_a_table(error):
            raise
        return misfits.explained(now.conn, table, error)
    return None
