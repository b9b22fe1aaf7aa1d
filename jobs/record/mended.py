"""What a backfill mended, in the file that it wrote: no watermark knows of it, and the other file is to have it too.

It is true of one file alone, the one that was published when the backfill began: whatever else lies beside the target
is of another run, and begins as a copy.
"""

from __future__ import annotations

from pathlib import Path

from app import statements
from jobs.engine.session import DuckSession
from jobs.record.state import State

KEYS = "neaptide.mended_keys"


def table_lacking(file: DuckSession, path: Path | None, state: State, published: State) -> str:
    """The table that a file in this `state` lacks what was mended of, and nothing else that the file at `path` has.

    Empty where it may not be brought up to date from there, or need not.
    """
    if path is None or not state.lineage or state.lineage == published.lineage:
        return ""
    file.attach_published(path)
    if not file.has("neaptide.mended", "published"):
        return ""
    parameters = {"lineage": state.lineage, "run_id": state.run_id}
    [name] = [row["table_name"] for row in file.rows(statements.get("mended", "read"), parameters)] or [""]
    mine, theirs = state.tables.get(name), published.tables.get(name)
    return name if mine and theirs and mine.signature == theirs.signature else ""


def write(file: DuckSession, published: State, table: str, keys: str) -> None:
    """Say which of the table's keys, by a SELECT of them, the file that is published now lacks."""
    file.execute(statements.get("mended", "create"))
    parameters = {"lineage": published.lineage, "run_id": published.run_id, "table_name": table}
    file.execute(statements.get("mended", "write"), parameters)
    file.execute(f"CREATE TABLE out.{KEYS} AS {keys}")


def forget(file: DuckSession) -> None:
    """Say nothing of a backfill any more."""
    if file.has("neaptide.mended"):
        file.execute(statements.get("mended", "forget"))
