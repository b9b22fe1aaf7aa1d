"""What the reporting file says of the histories in it: since when each is kept, and as of which rows of its table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import statements
from jobs.engine.session import DuckSession


@dataclass(frozen=True)
class Column:
    """A column of a history. `place` is its number in PostgreSQL, None of one that the table has no longer."""

    name: str
    kind: str
    place: int | None


@dataclass(frozen=True)
class SavedHistory:
    """The history of one table.

    `moment` is when a version last began or ended, `run_id` the run whose rows of the table are its current versions:
    where the table's watermark is of another run, somebody wrote to the table who knows of no history. `shape` is
    another word each time that all versions are written anew. `signature` is the part of the table's that they follow.
    """

    table: str
    begun: datetime
    moment: datetime
    shape: str
    signature: dict[str, Any]
    columns: tuple[Column, ...]
    run_id: str = ""
    # Versions that ended before this are no longer kept.
    forgotten: datetime | None = None

    @property
    def key(self) -> list[str]:
        """The columns that tell its table's rows apart."""
        columns: list[str] = self.signature["key"]
        return columns


Histories = Mapping[str, SavedHistory]


def read(file: DuckSession) -> dict[str, SavedHistory]:
    """What the attached file says; nothing in one that was made before there were any."""
    return _read(file, "read_ledger") if file.has("neaptide.history") else {}


def read_published(file: DuckSession) -> dict[str, SavedHistory]:
    """The same of the file that is attached beside it, as `published`."""
    return _read(file, "read_theirs") if file.has("neaptide.history", "published") else {}


def read_dual(file: DuckSession, *, published: bool) -> set[str]:
    """The tables whose watermark is that of a dual write, in the file or in the published one beside it."""
    statement = statements.get("history", "read_their_dual") if published else statements.get("history", "read_dual")
    return {row["table_name"] for row in file.rows(statement)}


def create(file: DuckSession) -> None:
    """The ledger's table, where it is not there yet."""
    if not file.has("neaptide.history"):
        file.execute(statements.get("history", "create_ledger"))


def write(file: DuckSession, history: SavedHistory) -> None:
    """Put this in place of what was said of it."""
    forget(file, [history.table])
    row = {
        "table_name": history.table, "begun": history.begun, "moment": history.moment, "forgotten": history.forgotten,
        "shape": history.shape, "signature": json.dumps(history.signature), "run_id": history.run_id,
        "columns": json.dumps([[column.name, column.kind, column.place] for column in history.columns]),
    }  # fmt: skip
    file.execute(statements.get("history", "write_line"), row)


def forget(file: DuckSession, names: Iterable[str]) -> None:
    """Say no more of these."""
    file.execute(statements.get("history", "forget_lines"), {"names": json.dumps(list(names))})


def catch_up(file: DuckSession, names: Iterable[str]) -> None:
    """Say that these are as of the present rows of their tables."""
    if names := list(names):
        file.execute(statements.get("history", "catch_up"), {"names": json.dumps(names)})


def _read(file: DuckSession, block: str) -> dict[str, SavedHistory]:
    return {row["table_name"]: _from_row(row) for row in file.rows(statements.get("history", block))}


def _from_row(row: dict[str, Any]) -> SavedHistory:
    columns = tuple(Column(*column) for column in json.loads(row["columns"]))
    return SavedHistory(
        row["table_name"], row["begun"], row["moment"], row["shape"], json.loads(row["signature"]), columns,
        row["run_id"] or "", row["forgotten"],
    )  # fmt: skip
