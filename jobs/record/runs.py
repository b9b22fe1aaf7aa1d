"""The record of the runs in the file. Each of the two files is written by every other run, and both get all records.

A run's record is written before its end. The end stands beside the file (`jobs.targets.file.freshness`)
until the run after it writes it into the other file, and the run after that into this one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jobs.engine.session import DuckSession
from jobs.record import model_runs
from jobs.results import Run

# How a run ended, as `freshness.end_of` tells it; None where nobody knows.
End = dict[str, Any] | None


@dataclass(frozen=True)
class Record:
    """One run as it stands in the file: its own row, and one for each table and model that it had to do with."""

    run: dict[str, Any]
    tables: tuple[dict[str, Any], ...]
    models: model_runs.Rows = ()

    def ended(self, end: End) -> Record:
        """The same with all phases, all models and the true end, if these are its own."""
        if end is None or end.get("run_id") != self.run["run_id"]:
            return self
        known = {"finished_at": end["finished_at"], "phases": json.dumps(end["phases"])}
        return replace(self, run={**self.run, **known}, models=_models(end) or self.models)


def of(run: Run, clock: dict[str, Any]) -> Record:
    """The record of a run; `clock` is a reading of the source's and this machine's clocks."""
    noted = [table for table in run.tables if table.action != "none" or table.reason or table.notes]
    row = {
        "run_id": run.run_id,
        "kind": run.kind,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat(),
        "as_of": run.as_of.isoformat(),
        "snapshot": run.snapshot,
        "clock": json.dumps(clock),
        "rows_in": sum(table.rows_in for table in run.tables),
        "rows_out": sum(table.rows_out for table in run.tables),
        "phases": json.dumps(run.phases),
        "warnings": json.dumps(run.warnings),
    }
    tables = ({**asdict(table), "run_id": run.run_id, "notes": json.dumps(table.notes)} for table in noted)
    return Record(row, tuple(tables), model_runs.of(run.run_id, model_runs.as_json(run.models)))


def write(file: DuckSession, records: Sequence[Record], ended: model_runs.Rows = (), *, keep: int) -> None:
    """Add these records, and what earlier runs did to models at their end; forget the oldest beyond `keep` runs."""
    file.block("write_runs", {"rows": json.dumps([record.run for record in records])})
    tables = [table for record in records for table in record.tables]
    if tables:
        file.block("write_table_runs", {"rows": json.dumps(tables)})
    model_runs.write(file, [*ended, *(model for record in records for model in record.models)])
    forgotten = file.block("forget_old_runs", {"keep": keep})
    if forgotten[0]["Count"]:
        file.block("forget_old_table_runs")
        model_runs.forget_old(file)


def complete(file: DuckSession, end: End) -> model_runs.Rows:
    """Add to a run's record how it ended; returns what it did to models, for `write`."""
    if end is None:
        return ()
    known = {"finished_at": end["finished_at"], "phases": json.dumps(end["phases"])}
    file.block("complete_run", {"run_id": end["run_id"], **known})
    return _models(end)


def take_over(file: DuckSession, published: Path, end: End) -> model_runs.Rows:
    """Copy the records that only the published file has; `end` is how the run that wrote that one ended.

    Returns what that one did to models, for `write`.
    """
    last = end or {}
    file.attach_published(published)
    file.block("take_over_table_runs")
    file.block("forget_own_last_run")
    model_runs.take_over(file)
    file.block(
        "take_over_runs",
        {
            "last": last.get("run_id", ""),
            "finished_at": last.get("finished_at"),
            "phases": json.dumps(last.get("phases", {})),
        },
    )
    return _models(last)


def _models(end: dict[str, Any]) -> model_runs.Rows:
    return model_runs.of(end["run_id"], end["models"]) if end.get("models") else ()
