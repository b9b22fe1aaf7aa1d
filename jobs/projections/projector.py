"""Brings the projections of a file up to the run's snapshot, in the run's transaction.

A handler gets each event once: those that the file's own position does not hold, and of these no event of an older
version of its aggregate than it has had, nor one that it has had already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from app import errors, statements
from jobs import quoting
from jobs.broker.port import Event
from jobs.engine.session import DuckSession
from jobs.feeds.events.feed import Queue
from jobs.feeds.events.place import Place
from jobs.position.watermark import Watermark
from jobs.projections import beginning
from jobs.projections.failure import ProjectionFailed
from jobs.projections.folder import Projections
from jobs.projections.projection import SCHEMA, Projection
from jobs.projections.rows import Rows
from jobs.record import projections as ledger
from jobs.record.projections import SavedProjection

_PAGE = 10_000
ByName = dict[str, SavedProjection]


def has_news(wanted: Projections, saved: ByName, queue: Queue) -> bool:
    """Whether the published file's projections lack anything, or are others than the project's."""
    if wanted.error:
        return False
    if wanted.by_name.keys() != saved.keys():
        return True
    return any(_lacks(one, wanted.code, saved[one.name], queue) for one in wanted.by_name.values())


def _lacks(projection: Projection, code: str, saved: SavedProjection, queue: Queue) -> bool:
    if saved.version != projection.version or saved.queue != queue.name:
        return True
    if saved.error:
        # What failed fails again, until somebody mends it.
        return saved.code != code
    place = _place(saved)
    return bool(queue.gap(saved.watermark, place)) or any(
        True for _ in queue.events(saved.watermark, place, projection.handlers)
    )


class Projector:
    """What is done in one run: `kept` is what the file says of its projections, `published` the file that readers have.

    `failed` are those that failed in this run already, with the reason.
    """

    def __init__(
        self,
        file: DuckSession,
        wanted: Projections,
        saved: ByName,
        queue: Queue,
        now: Watermark,
        failed: dict[str, str],
    ) -> None:
        self._file, self._wanted, self._saved = file, wanted, dict(saved)
        self._queue, self._now, self._failed = queue, now, failed
        self.warnings: list[str] = []

    def run(self, published: Path | None, theirs: ByName) -> None:
        """Bring all of them up to the snapshot. Raises `ProjectionFailed`."""
        if self._wanted.error:
            self.warnings.append(f"{self._wanted.error}: its tables stay as they are")
            return
        if not (self._wanted.by_name or self._saved):
            return
        for statement in statements.get("target", "create_projections").split(";\n"):
            self._file.execute(statement)
        for name in self._saved.keys() - self._wanted.by_name.keys():
            self._drop(name)
        self._take_over(published, theirs)
        for projection in self._wanted.by_name.values():
            self._bring_up(projection)

    def _take_over(self, published: Path | None, theirs: ByName) -> None:
        """A file that was begun anew has none: what was made of events that are gone by now is in the other one."""
        missing = [
            n for n, one in self._wanted.by_name.items() if n not in self._saved and n in theirs and not one.begin
        ]
        if published is None or not missing:
            return
        self._file.attach_published(published)
        for name in missing:
            table = quoting.qualified(SCHEMA, name)
            self._file.execute(f"CREATE TABLE out.{table} AS FROM published.{table}")
            given = quoting.literal(name)
            self._file.execute(
                "INSERT INTO out.neaptide.projected"
                f" SELECT * FROM published.neaptide.projected AS p WHERE p.projection = {given}"
            )
            self._saved[name] = theirs[name]

    def _bring_up(self, projection: Projection) -> None:
        saved = self._saved.get(projection.name)
        if projection.name in self._failed:
            self._leave(projection, saved)
            return
        try:
            self._project(projection, saved)
        except (duckdb.Error, errors.NeaptideError) as error:
            raise ProjectionFailed(projection.name, _line(error)) from error

    def _leave(self, projection: Projection, saved: SavedProjection | None) -> None:
        """As it was, with the reason."""
        why = self._failed[projection.name]
        self.warnings.append(f"the projection {projection.name} stays as it is: {why}")
        if saved is not None:
            self._write(projection, saved.queue, saved.number, saved.watermark, saved.version, why)

    def _project(self, projection: Projection, saved: SavedProjection | None) -> None:
        gap = self._gap(projection, saved)
        if saved is None or saved.version != projection.version or (gap and projection.begin):
            saved = self._begin(projection, saved)
        elif gap:
            self.warnings.append(
                f"the projection {projection.name} has missed events, {gap}: give it a SELECT to begin with, begin=…"
            )
            saved = None
        place = _place(saved) if saved else None
        self._handle(projection, self._queue.events(saved.watermark if saved else None, place, projection.handlers))
        self._write(projection, self._queue.name, self._queue.reached, self._now, projection.version)

    def _gap(self, projection: Projection, saved: SavedProjection | None) -> str:
        if saved is None or saved.version != projection.version:
            return ""
        if saved.queue != self._queue.name:
            return "as they come another way now"
        return self._queue.gap(saved.watermark, _place(saved))

    def _begin(self, projection: Projection, saved: SavedProjection | None) -> SavedProjection | None:
        """Make its table: of the SELECT, and then it has everything; or empty, and it begins with the oldest event."""
        if saved is not None:
            self._drop(projection.name)
        table = f"out.{quoting.qualified(SCHEMA, projection.name)}"
        columns = ", ".join(self._defined(name, kind) for name, kind in projection.columns.items())
        self._file.execute(f"CREATE TABLE {table} ({columns})")
        if not projection.begin:
            return None
        names = quoting.listed(projection.columns)
        select = beginning.in_file(self._file, projection.begin)
        self._file.execute(f"INSERT INTO {table} BY NAME SELECT {names} FROM ({select})")
        return SavedProjection(
            projection.name, projection.version, "", self._queue.name, self._queue.reached, self._now
        )

    def _defined(self, name: str, kind: str) -> str:
        """A column's definition. Raises `errors.UnsupportedValue` for a type that the target would change."""
        return self._file.defined(name, str(self._file.one(f"SELECT typeof(NULL::{kind})")), ())

    def _handle(self, projection: Projection, events: Iterator[Event]) -> None:
        rows = Rows(self._file, projection)
        while page := list(islice(events, _PAGE)):
            guard = _Guard(self._file, projection.name, page)
            for event in page:
                if guard.is_new(event):
                    _call(projection, event, rows)
            rows.flush()
            guard.write()

    def _write(
        self, projection: Projection, queue: str, number: int, watermark: Watermark, version: str, error: str = ""
    ) -> None:
        ledger.write(
            self._file, SavedProjection(projection.name, version, self._wanted.code, queue, number, watermark, error)
        )

    def _drop(self, name: str) -> None:
        self._file.execute(f"DROP TABLE IF EXISTS out.{quoting.qualified(SCHEMA, name)}")
        self._file.block("forget_projected", {"name": name})
        ledger.forget(self._file, name)


class _Guard:
    """Which events of these aggregates a projection has had: none comes twice, and none after a newer one."""

    def __init__(self, file: DuckSession, name: str, page: Sequence[Event]) -> None:
        self._file, self._name = file, name
        aggregates = {(event.aggregate, event.key) for event in page}
        self._listed = json.dumps([{"aggregate": aggregate, "key": key} for aggregate, key in aggregates])
        rows = file.block("read_projected", {"name": name, "rows": self._listed})
        self._had = {(row["aggregate"], row["key"]): (row["version"], json.loads(row["ids"])) for row in rows}

    def is_new(self, event: Event) -> bool:
        """Whether it is; from now on it is not."""
        version, ids = self._had.get((event.aggregate, event.key), (event.version, []))
        if event.version < version or (event.version == version and event.id in ids):
            return False
        seen = [*ids, event.id] if event.version == version else [event.id]
        self._had[event.aggregate, event.key] = (event.version, seen)
        return True

    def write(self) -> None:
        """Keep it in the file."""
        rows = [
            {"aggregate": aggregate, "key": key, "version": version, "ids": json.dumps(ids)}
            for (aggregate, key), (version, ids) in self._had.items()
        ]
        self._file.block("replace_projected", {"name": self._name, "rows": self._listed})
        self._file.block("write_projected", {"name": self._name, "rows": json.dumps(rows)})


def _call(projection: Projection, event: Event, rows: Rows) -> None:
    try:
        projection.handlers[event.name](event, rows)
    except Exception as error:
        message = f"{event.name} {event.key} version {event.version}: {_line(error)}"
        raise ProjectionFailed(projection.name, message) from error


def _line(error: BaseException) -> str:
    text: Any = error.message if isinstance(error, errors.NeaptideError) else f"{type(error).__name__}: {error}"
    return str(text).strip().split("\n")[0]


def _place(saved: SavedProjection) -> Place:
    return Place(saved.queue, saved.number, saved.watermark)
