"""The small file beside the link: how fresh the published file is, moved on also by runs that change nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from jobs import faults, files
from jobs.files import Files


@files.translated()
def write(
    target: Files, run_id: str, as_of: datetime, clock: dict[str, Any], began: dict[str, Any] | None = None
) -> None:
    """Say that the file of this run still equals the source at `as_of`. One rename, so readers see all or nothing.

    `began` is a mark of this machine's clock from before the snapshot, of a run that brought all tables up to date:
    whoever asked for a fresh file before it is served.
    """
    content = {
        "run_id": run_id,
        "as_of": as_of.isoformat(),
        "checked_at": datetime.now(UTC).isoformat(),
        "clock": clock,
        "began": began,
    }
    faults.point("before_freshness")
    passing = target.freshness.with_name(f".{target.freshness.name}.passing")
    passing.write_text(json.dumps(content), encoding="utf-8")
    passing.replace(target.freshness)
    faults.point("after_freshness")


def as_of(target: Files) -> datetime | None:
    """The moment of the source that the published file shows, without opening it; None where nobody knows."""
    found = read(target)
    try:
        return datetime.fromisoformat(found["as_of"]) if target.published else None
    except (KeyError, TypeError, ValueError):
        return None


def read(target: Files) -> dict[str, Any]:
    """What was written last; empty where there is nothing, or nothing readable: the file itself knows too."""
    try:
        content = json.loads(target.freshness.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
