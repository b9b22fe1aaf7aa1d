"""The small file beside the link: how fresh the published file is, moved on also by runs that change nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from jobs import disk, faults
from jobs.position import clock
from jobs.results import Run
from jobs.targets.file import notes
from jobs.targets.file.names import Names


@dataclass(frozen=True)
class Quiet:
    """What a run says that found nothing new: as of when, in which tables it could not look, and how far it looked.

    `marks` are those of jobs/targets/file/checked.py.
    """

    as_of: datetime
    left: list[str]
    marks: list[dict[str, Any]]


@disk.translated()
def write(
    target: Names,
    run_id: str,
    as_of: datetime,
    clock: dict[str, Any],
    began: dict[str, Any] | None = None,
    ended: dict[str, Any] | None = None,
    quiet: Quiet | None = None,
) -> None:
    """Say that the file of this run still equals the source at `as_of`. One rename, so readers see all or nothing.

    `began` is a mark of this machine's clock from before the snapshot, of a run that brought all tables up to date:
    whoever asked for a fresh file before it is served. `ended` is `end_of` the run that wrote the file; later runs that
    change nothing keep it.
    """
    content = {
        "run_id": run_id,
        "as_of": as_of.isoformat(),
        "checked_at": datetime.now(UTC).isoformat(),
        "clock": clock,
        "began": began,
        "ended": ended or end_known(target, run_id),
        "looked": quiet.as_of.isoformat() if quiet else None,
        "left": quiet.left if quiet else [],
        "quiet": quiet.marks if quiet else None,
    }
    faults.point("before_freshness")
    target.note("freshness", content)
    faults.point("after_freshness")


def end_of(run: Run) -> dict[str, Any]:
    """What the run's record can't say, because it is written before: when it ended, and all phases and models."""
    models = [asdict(one) for one in run.models]
    return {"run_id": run.run_id, "finished_at": run.finished_at.isoformat(), "phases": run.phases, "models": models}


def end_known(target: Names, run_id: str = "") -> dict[str, Any] | None:
    """`end_of` the run that wrote the published file, or None; with `run_id`, only of that one."""
    found = read(target).get("ended")
    return found if isinstance(found, dict) and run_id in ("", found.get("run_id")) else None


def as_of(target: Names) -> datetime | None:
    """The moment of the source that the published file shows, without opening it; None where nobody knows."""
    found = read(target)
    try:
        return datetime.fromisoformat(found["as_of"]) if target.is_there else None
    except (KeyError, TypeError, ValueError):
        return None


def now(target: Names) -> datetime:
    """The source's clock now, by its last reading and the time that went by here, which nobody can set.

    Without one of this machine since it was booted, this machine's own clock has to do.
    """
    try:
        return clock.server_now(read(target)["clock"]) or datetime.now(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return datetime.now(UTC)


def read(target: Names) -> dict[str, Any]:
    """What was written last; empty where there is nothing, or nothing readable: the file itself knows too."""
    return target.read("freshness", notes.Freshness)
