"""The small file beside the link: how fresh the published file is, moved on also by runs that change nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from jobs import disk, faults
from jobs.beside import notes
from jobs.beside.names import Names
from jobs.position import clock
from jobs.record.state import State
from jobs.results import Run


@dataclass(frozen=True)
class Quiet:
    """What a run says that found nothing new: as of when, in which tables it could not look, and how far it looked.

    `watermarks` are those of jobs/targets/file/checked.py.
    """

    as_of: datetime
    skipped: list[str]
    watermarks: list[dict[str, Any]]


@dataclass(frozen=True)
class Beside:
    """The other sources of the file: as of when their tables are in it, by name, and the run that it was made from.

    `source` is the one that the run was of.
    """

    source: str
    over: str
    rest: Mapping[str, datetime]


def beside(published: State, source: str, names: Collection[str]) -> Beside:
    """What a run of one of several sources, of these names, leaves as it is in the published file."""
    rest: dict[str, datetime] = {}
    for saved in published.others.values():
        if saved.source in names and saved.source != source:
            moment = saved.watermark.snapshot.as_of
            rest[saved.source] = min(moment, rest.get(saved.source, moment))
    return Beside(source, published.run_id, rest)


@disk.translated()
def write(
    target: Names,
    run_id: str,
    as_of: datetime,
    clock: dict[str, Any],
    began: dict[str, Any] | None = None,
    ended: dict[str, Any] | None = None,
    quiet: Quiet | None = None,
    others: Beside | None = None,
) -> None:
    """Say that the file of this run still equals the source at `as_of`. One rename, so readers see all or nothing.

    Where there are `others`, it is so of one source, and the file as old as the oldest.

    `began` is an instant of this machine from before the snapshot, of a run that brought all tables up to date:
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
        "left": quiet.skipped if quiet else [],
        "quiet": quiet.watermarks if quiet else None,
        "sources": None,
        "away": None,
    }
    if others is not None:
        content = _with_others(content, read(target), others)
    faults.point("before_freshness")
    target.note("freshness", content)
    faults.point("after_freshness")


def _with_others(content: dict[str, Any], before: dict[str, Any], others: Beside) -> dict[str, Any]:
    """What was said of the other sources holds on: their tables are as they were in the file that was gone over."""
    said = (before.get("sources") or {}) if before.get("run_id") == others.over else {}
    known = {name: said.get(name, {"as_of": moment.isoformat()}) for name, moment in others.rest.items()}
    known[others.source] = {key: content[key] for key in ("as_of", "clock", "began", "looked", "left", "quiet")}
    oldest = min(known.values(), key=lambda one: datetime.fromisoformat(one["as_of"]))
    away = {name: sentence for name, sentence in (before.get("away") or {}).items() if name != others.source}
    whole = {"as_of": oldest["as_of"], "clock": oldest.get("clock") or content["clock"], "sources": known, "away": away}
    return {**content, "began": None, "looked": None, "left": [], "quiet": None, **whole}


def tell_away(target: Names, failures: Mapping[str, str]) -> None:
    """Say why sources could not be read by the last run: what is said of all else holds on."""
    content = read(target)
    if content and (content.get("away") or {}) != failures:
        target.note("freshness", {**content, "away": dict(failures)})


def of(target: Names, source: str) -> dict[str, Any]:
    """What was written last of this source; where there is one only, all of it."""
    content = read(target)
    several = content.get("sources")
    if several is None:
        return {} if source else content
    return {"run_id": content["run_id"], **several.get(source, {})}


def sources(target: Names) -> dict[str, dict[str, Any]]:
    """What was written last, by the name of the source."""
    content = read(target)
    return content.get("sources") or ({"": content} if content else {})


def end_of(run: Run) -> dict[str, Any]:
    """What the run's record can't say, because it is written before: when it ended, and all phases and models."""
    models = [asdict(one) for one in run.models]
    return {"run_id": run.run_id, "finished_at": run.finished_at.isoformat(), "phases": run.phases, "models": models}


def end_known(target: Names, run_id: str = "") -> dict[str, Any] | None:
    """`end_of` the run that wrote the published file, or None; with `run_id`, only of that one."""
    end = read(target).get("ended")
    return end if isinstance(end, dict) and run_id in ("", end.get("run_id")) else None


def as_of(target: Names) -> datetime | None:
    """The moment of the source that the published file shows, without opening it; None where nobody knows."""
    content = read(target)
    try:
        return datetime.fromisoformat(content["as_of"]) if target.is_there else None
    except (KeyError, TypeError, ValueError):
        return None


def now(target: Names, source: str | None = None) -> datetime:
    """The source's clock now, by its last reading and the time that went by here, which nobody can set.

    Of several it is that of the one that is named, or else of the oldest. Without a reading of this machine since it
    was booted, this machine's own clock has to do.
    """
    try:
        content = read(target) if source is None else of(target, source)
        return clock.server_now(content["clock"]) or datetime.now(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return datetime.now(UTC)


def read(target: Names) -> dict[str, Any]:
    """What was written last; empty where there is nothing, or nothing readable: the file itself knows too."""
    return target.read("freshness", notes.Freshness)
