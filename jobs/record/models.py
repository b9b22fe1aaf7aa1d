"""What a file says of the models in it: what each is made of and when, and what the last run did to it.

A model with a line that names no error is equal to its SELECT over the tables in `current`; of any other nothing is
known, and it is built anew. `current` follows from the watermarks, so that whatever changes a table without a word to
the models is found out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from app import statements
from jobs.engine.session import DuckSession

_LISTS = ("inputs", "tables", "signature", "costs")


@dataclass(frozen=True)
class SavedModel:
    """One model. `inputs` are what its SELECT reads, `tables` the copied tables beneath them.

    `action`, `keys`, `rows` and `seconds` are of the run that last changed it, `reason` and the others of its last
    build, `costs` what jobs/models/costs.py learned. With an `error` there is no such table in the file.
    """

    name: str
    kind: str = ""
    why: str = ""
    inputs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    signature: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    action: str = ""
    keys: int = 0
    rows: int = 0
    seconds: float = 0.0
    build_run_id: str = ""
    build_seconds: float = 0.0
    reason: str = ""
    error: str | None = None
    costs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Models:
    """Those of one file, by name, and the tables as of whose present rows they are."""

    by_name: dict[str, SavedModel] = field(default_factory=dict)
    current: frozenset[str] = frozenset()

    def is_current(self, name: str) -> bool:
        """Whether the model stands in the file as its SELECT gives it."""
        model = self.by_name.get(name)
        return model is not None and model.error is None and self.current.issuperset(model.tables)

    @property
    def errors(self) -> dict[str, str]:
        """Why models are not there, by name."""
        return {name: one.error for name, one in self.by_name.items() if one.error}


def read(file: DuckSession) -> Models:
    """What the attached file says of its models; nothing in one that was made before there were any."""
    if not file.has("neaptide.models"):
        return Models()
    models = (_from_row(row) for row in file.rows(statements.get("upkeep", "read_models")))
    current = file.rows(statements.get("upkeep", "read_inputs"))
    return Models({one.name: one for one in models}, frozenset(row["table_name"] for row in current))


def create(file: DuckSession) -> None:
    """The ledger's tables, where they are not there yet or are an earlier version's."""
    if not file.has("neaptide.models"):
        file.execute(statements.get("upkeep", "create_ledger"))
    file.execute(statements.get("upkeep", "complete_ledger"))


def write(file: DuckSession, models: Iterable[SavedModel]) -> None:
    """Put these in place of what was said of them."""
    rows = [_row(model) for model in models]
    if rows:
        forget(file, [row["name"] for row in rows])
        file.execute(statements.get("upkeep", "write_models"), {"rows": json.dumps(rows)})


def forget(file: DuckSession, names: Iterable[str]) -> None:
    """Say no more of these models; what is not there is no error."""
    if names := list(names):
        file.execute(statements.get("upkeep", "forget_models"), {"names": json.dumps(names)})


def catch_up(file: DuckSession) -> None:
    """Say that every model with a line is as of the present rows of all tables."""
    file.execute(statements.get("upkeep", "forget_inputs"))
    file.execute(statements.get("upkeep", "write_inputs"))


def _row(model: SavedModel) -> dict[str, Any]:
    return {name: json.dumps(value) if name in _LISTS else value for name, value in asdict(model).items()}


def _from_row(row: dict[str, Any]) -> SavedModel:
    return SavedModel(
        **{
            **row,
            "inputs": tuple(json.loads(row["inputs"])),
            "tables": tuple(json.loads(row["tables"])),
            "signature": json.loads(row["signature"]),
            "costs": json.loads(row.get("costs") or "{}"),
        }
    )
