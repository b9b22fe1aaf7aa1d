"""What a file says of its projections: how far each has the events, and which of each aggregate it has had last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.engine.session import DuckSession
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark

TABLE = "neaptide.projections"


@dataclass(frozen=True)
class SavedProjection:
    """One of them: its shape, the file it was defined in, and where its events were read from and up to where."""

    name: str
    version: str
    code: str
    queue: str
    number: int
    watermark: Watermark
    error: str = ""


def read(file: DuckSession) -> dict[str, SavedProjection]:
    """Those of the attached file, by name."""
    if not file.has(TABLE):
        return {}
    return {row["name"]: _from_row(row) for row in file.block("read_projections")}


def write(file: DuckSession, saved: SavedProjection) -> None:
    """Say this of one, in place of what was said before."""
    forget(file, saved.name)
    at = saved.watermark.snapshot
    values = {
        "name": saved.name, "version": saved.version, "code": saved.code, "queue": saved.queue, "number": saved.number,
        "snapshot": at.text, "as_of": at.as_of.isoformat(), "standby": saved.watermark.standby, "error": saved.error,
    }  # fmt: skip
    file.block("write_projection", values)


def forget(file: DuckSession, name: str) -> None:
    """Say nothing of it any more."""
    file.block("forget_projection", {"name": name})


def _from_row(row: dict[str, Any]) -> SavedProjection:
    as_of: datetime = row["as_of"]
    watermark = Watermark(Snapshot.parse(row["snapshot"], as_of=as_of), None, bool(row["standby"]))
    return SavedProjection(
        row["name"], row["version"], row["code"], row["queue"], row["number"], watermark, row["error"] or ""
    )
