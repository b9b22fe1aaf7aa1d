"""What a comparison says. Plain data; `as_dict` is the shape of `--json`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.results import Report


@dataclass(frozen=True)
class Difference:
    """One key that differs. `kind` is missing (not in the file), extra (only in the file) or different."""

    key: dict[str, Any]
    kind: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableCheck:
    """One table compared. `differences` holds at most the asked-for number; the three counts are complete."""

    table: str
    rows_source: int
    rows_file: int
    missing: int = 0
    extra: int = 0
    different: int = 0
    differences: tuple[Difference, ...] = ()
    repaired: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def equal(self) -> bool:
        return not (self.missing or self.extra or self.different or self.error)


@dataclass(frozen=True)
class ModelCheck:
    """One read model compared with its SELECT over the tables of the file: rows that it lacks, and has too many."""

    model: str
    rows: int = 0
    missing: int = 0
    extra: int = 0
    repaired: bool = False
    seconds: float = 0.0
    error: str | None = None

    @property
    def equal(self) -> bool:
        return not (self.missing or self.extra or self.error)


@dataclass(frozen=True)
class Verification(Report):
    """Both sides compared at one snapshot."""

    as_of: datetime
    snapshot: str
    tables: tuple[TableCheck, ...]
    repaired: bool = False
    sampled: bool = False
    warnings: tuple[str, ...] = ()
    models: tuple[ModelCheck, ...] = ()

    @property
    def equal(self) -> bool:
        return all(table.equal for table in self.tables) and all(model.equal for model in self.models)
