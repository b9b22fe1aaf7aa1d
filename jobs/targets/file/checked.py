"""Watermarks beside the published file: how far runs that found nothing to do have looked since it was written.

Such a run writes no file, so the watermark in there stays where it is, and with it the rows that every later run looks
at to find nothing new: all that were stamped since a margin before it. After a bulk load of a million rows that is half
a second of PostgreSQL's time a run, for as long as nothing else changes. By these the next run begins where the last
one ended. Only the question whether there is anything new goes by them; what is read is read since the file's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app import errors
from jobs.beside.names import Names
from jobs.position.snapshot import Snapshot, position
from jobs.position.watermark import Watermark
from jobs.targets.file import freshness

Marks = Mapping[str, Watermark]
# What one place, which many tables share, is made of.
_Place = tuple[str, str, str | None, bool, str, str]


def packed(watermarks: Marks) -> list[dict[str, Any]]:
    """The watermarks by table as JSON takes them: most tables have the same."""
    tables: defaultdict[_Place, list[str]] = defaultdict(list)
    for table, watermark in watermarks.items():
        at, floor = watermark.snapshot, watermark.floor.isoformat() if watermark.floor else None
        tables[at.text, at.as_of.isoformat(), floor, watermark.standby, at.wal_end, watermark.log].append(table)
    names = ("snapshot", "as_of", "floor", "standby", "wal_end", "log")
    return [{**dict(zip(names, place, strict=True)), "tables": members} for place, members in tables.items()]


def watermarks(files: Names, run_id: str, now: Snapshot, source: str = "") -> Marks:
    """The watermarks by table beside the file of this run; none in the future of `now`, as on a restored server."""
    content = freshness.of(files, source)
    if not run_id or content.get("run_id") != run_id:
        return {}
    try:
        looked = {table: _watermark(place) for place in content.get("quiet") or () for table in place["tables"]}
    except (KeyError, TypeError, ValueError, errors.Bug):
        # Beside the file lies nothing but what saves time.
        return {}
    return {table: watermark for table, watermark in looked.items() if _lies_behind(watermark, now)}


def _watermark(place: Mapping[str, Any]) -> Watermark:
    as_of, floor = datetime.fromisoformat(place["as_of"]), place["floor"]
    snapshot = Snapshot.parse(place["snapshot"], as_of=as_of, wal_end=place["wal_end"])
    since = None if floor is None else datetime.fromisoformat(floor)
    return Watermark(snapshot, since, bool(place["standby"]), place.get("log", ""))


def _lies_behind(watermark: Watermark, now: Snapshot) -> bool:
    earlier = watermark.snapshot
    in_time = earlier.as_of <= now.as_of and (watermark.floor is None or watermark.floor <= now.as_of)
    return in_time and now.follows(earlier) and position(now.wal) >= position(earlier.wal_end)
