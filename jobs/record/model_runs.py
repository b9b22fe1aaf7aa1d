"""What each run did to the read models of a file. A file in which no run ever had to do with one has no such table.

Models may be built after the run's record is written: which, and how it went, is part of the run's end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app import statements
from jobs.engine.session import DuckSession
from jobs.results import ModelRun

_TABLE = "neaptide.model_runs"
Rows = tuple[dict[str, Any], ...]


def as_json(models: Iterable[ModelRun]) -> list[dict[str, Any]]:
    """The models of one run, as its end and `--json` say it."""
    return [asdict(one) for one in models]


def of(run_id: str, models: Iterable[Mapping[str, Any]]) -> Rows:
    """The same as rows of the file."""
    return tuple({**one, "run_id": run_id} for one in models)


def write(file: DuckSession, rows: Sequence[dict[str, Any]]) -> None:
    """Put these in place of what was said of their runs."""
    if not rows:
        return
    if not file.has(_TABLE):
        file.execute(statements.get("upkeep", "create_model_runs"))
    runs = sorted({row["run_id"] for row in rows})
    file.execute(statements.get("upkeep", "forget_model_runs"), {"runs": json.dumps(runs)})
    file.execute(statements.get("upkeep", "write_model_runs"), {"rows": json.dumps(rows)})


def take_over(file: DuckSession) -> None:
    """Copy what only the file says that is attached as `published`."""
    if not file.has(_TABLE, "published"):
        return
    if file.has(_TABLE):
        forget_old(file)
    else:
        file.execute(statements.get("upkeep", "create_model_runs"))
    file.execute(statements.get("upkeep", "take_over_model_runs"))


def forget_old(file: DuckSession) -> None:
    """Forget runs of which there is no record any more."""
    if file.has(_TABLE):
        file.execute(statements.get("upkeep", "forget_old_model_runs"))


def newest(file: DuckSession, most: int) -> dict[str, list[dict[str, Any]]]:
    """Of the newest runs, by run, what took longest first."""
    by_model: dict[str, list[dict[str, Any]]] = {}
    if file.has(_TABLE):
        for row in file.rows(statements.get("status", "model_runs"), {"most": most}):
            by_model.setdefault(row.pop("run_id"), []).append(row)
    return by_model
