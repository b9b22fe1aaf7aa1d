"""What the reporting file says of itself: whose copy it is, and how far each table was read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from app import errors, statements
from jobs import quoting
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.record import history, models, projections, sources
from jobs.record.history import Histories
from jobs.record.models import Models
from jobs.record.projections import SavedProjection
from jobs.source import widths
from jobs.source.position import Identity
from jobs.tables import modes

# Raise it with every change of sql/sync/target.sql's tables: files of another format are built anew.
FORMAT = 3


@dataclass(frozen=True)
class Saved:
    """What the file says of one table: how far it was read, and the signature it was read with."""

    table: str
    relid: int
    mode: str
    watermark: Watermark
    signature: dict[str, Any]
    clock: dict[str, Any] = field(default_factory=dict)
    # The name of the source that it is of; empty for [source].
    source: str = ""

    @property
    def by_clock(self) -> bool:
        """Whether it was read by stamps that are moments."""
        return modes.watermark(self.mode).by_clock

    @property
    def foreign(self) -> bool:
        """Whether its rows are of another source than the file's, so that its watermark says nothing."""
        return not self.signature


@dataclass(frozen=True)
class State:
    """What a file says of itself. `lineage` is shared by files that one may be brought up to date beside the other.

    `identity`, `wal` and `tables` are of the source that was asked about, and `others` the tables of all others.
    `row_group` is the number of rows that its row groups have at most. `begun` are the tables that a run copied into
    it which was cut short before its end.
    """

    lineage: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    tables: dict[str, Saved] = field(default_factory=dict)
    others: dict[str, Saved] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    wal: str = ""
    row_group: int = widths.ROW_GROUP
    begun: frozenset[str] = frozenset()
    models: Models = field(default_factory=Models)
    projections: dict[str, SavedProjection] = field(default_factory=dict)
    history: Histories = field(default_factory=dict)
    # The file would not open: it is built anew.
    damaged: bool = False


def read(file: DuckSession, known: State | None = None, *, source: str | None = None) -> State:
    """What the attached file says of itself; an empty state for a new one.

    With the name of a `source`, of that one and its tables; else of all tables, and of [source].
    `known` is a state that was read before: it is not read again where the file is of the same run, since each file is
    written by one run, once, and no other run began with it. Raises `Damaged` for a file of an earlier format: it is
    only a copy, and is built anew like a broken one. Raises `errors.TargetUnusable` for one of a later format.
    """
    if not file.has("neaptide.file"):
        return State()
    about = next(iter(file.block("read_file")), {})
    _check_format(about.get("format", FORMAT))
    run_id, lineage = about.get("run_id") or "", about.get("lineage", "")
    whole = run_id != "" and (about.get("touched_by") or run_id) <= run_id
    if known is not None and whole and (known.run_id, known.lineage) == (run_id, lineage):
        return known
    identity, wal = sources.identity(file, about, source or "")
    marks = file.block("read_watermarks")
    saved = {row["table_name"]: _saved(row) for row in marks}
    tables = {name: one for name, one in saved.items() if source in (None, one.source)}
    begun = frozenset(row["table_name"] for row in marks if row["run_id"] > run_id)
    failed = {row["table_name"]: row["error"] for row in file.block("read_errors")}
    others = {name: one for name, one in saved.items() if name not in tables}
    row_group = about.get("row_group", widths.ROW_GROUP)
    projected, histories = projections.read(file), history.read(file)
    return State(
        lineage, identity, run_id, tables, others, failed, wal, row_group, begun, models.read(file),
        projected, histories,
    )  # fmt: skip


def _check_format(number: int) -> None:
    """Raises `Damaged` for an earlier one; one of a later version is not ours to build anew, back and forth."""
    sentence = f"the reporting file has format {number}, this version writes {FORMAT}"
    if number > FORMAT:
        hint = "install the Neaptide that wrote it; or set another [target], which `neaptide sync` then fills"
        raise errors.TargetUnusable(sentence, hint=hint)
    if number < FORMAT:
        raise Damaged(sentence, hint="run `neaptide sync`, which builds it anew")


def write_identity(
    file: DuckSession, identity: Identity, now: Snapshot, lineage: str, row_group: int, source: str = ""
) -> None:
    """Say whose copy this file is, how far that one's log had come, and how it is written."""
    about = next(iter(file.block("read_file")), {}) if source else {}
    of = {**{key: about.get(key) for key in sources.IDENTITY}, "wal": about.get("wal")} if source else None
    values = {"wal": now.wal, **{key: asdict(identity)[key] for key in sources.IDENTITY}}
    file.block("forget_file")
    file.block("write_file", {"format": FORMAT, "lineage": lineage, "row_group": row_group, **(of or values)})
    if source:
        sources.write(file, source, values)


def write_watermarks(file: DuckSession, watermarks: Iterable[Saved], run_id: str) -> None:
    """Put the watermarks in place of the tables' last ones."""
    rows = [_mark_row(saved, run_id) for saved in watermarks]
    if rows:
        file.block("forget_watermarks", {"names": json.dumps([row["table_name"] for row in rows])})
        file.block("write_watermarks", {"rows": json.dumps(rows)})


def only_moved(before: Saved | None, now: Saved) -> bool:
    """Whether all but the position is as it was."""
    return before is not None and _kind(before) == _kind(now)


def _kind(saved: Saved) -> tuple[object, ...]:
    return saved.relid, saved.mode, saved.signature, saved.source


def move_watermarks(file: DuckSession, watermarks: Iterable[Saved], run_id: str) -> None:
    """Move the watermarks of tables that are as the file has them but for the position: most tables have the same."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for saved in watermarks:
        alike[json.dumps(_position(saved))].append(saved.table)
    for position, names in alike.items():
        file.block("move_watermarks", {**json.loads(position), "names": json.dumps(names), "run_id": run_id})


def take_over(file: DuckSession, published: Path, names: list[str]) -> None:
    """Copy these tables with their watermarks from the published file; they are as they are there."""
    file.attach_published(published)
    for name in names:
        schema, table = quoting.split_name(name)
        quoted = quoting.qualified(schema, table)
        file.execute(f"CREATE SCHEMA IF NOT EXISTS out.{quoting.identifier(schema)}")
        file.execute(f"DROP TABLE IF EXISTS out.{quoted}")
        file.execute(f"CREATE TABLE out.{quoted} AS FROM published.{quoted}")
    file.block("forget_watermarks", {"names": json.dumps(names)})
    file.block("take_over_watermarks", {"names": json.dumps(names)})


def disown(file: DuckSession, names: list[str]) -> None:
    """Say of these tables that their rows are of another source than the file's, until they are copied anew."""
    if names:
        file.block("disown_tables", {"names": json.dumps(names)})


def as_of(file: DuckSession, source: str = "") -> datetime | None:
    """The minimum over the watermarks that the file holds of this source; None where it holds none."""
    oldest: datetime | None = file.block("oldest_watermark", {"source": source})[0]["as_of"]
    return oldest


def create_schema(file: DuckSession) -> None:
    """Neaptide's own tables, where they are not there yet."""
    file.execute(statements.get("target", "create_schema"))


def _mark_row(saved: Saved, run_id: str) -> dict[str, Any]:
    """As sql/sync/target.sql takes it: one JSON for many rows, as DuckDB's client takes its time over each value."""
    return {
        "table_name": saved.table,
        "relid": saved.relid,
        "mode": saved.mode,
        "signature": json.dumps(saved.signature),
        "run_id": run_id,
        **_position(saved),
    }


def _position(saved: Saved) -> dict[str, Any]:
    watermark = saved.watermark
    return {
        "snapshot": watermark.snapshot.text,
        "as_of": watermark.snapshot.as_of.isoformat(),
        "floor": watermark.floor.isoformat() if watermark.floor else None,
        "standby": watermark.standby,
        # Where the log stood is of the same moment as what the clock said: a column for it would have every file, also
        # of those who don't read the log, built anew.
        # So it is with the name of the source.
        "clock": json.dumps(saved.clock | _more(log=watermark.log, source=saved.source)),
    }


def _more(**given: str) -> dict[str, str]:
    return {key: value for key, value in given.items() if value}


def _saved(row: dict[str, Any]) -> Saved:
    as_of: datetime = row["as_of"]
    clock = _parsed(row["clock"])
    log = clock.get("log", "")
    watermark = Watermark(Snapshot.parse(row["snapshot"], as_of=as_of), row["floor"], bool(row["standby"]), log)
    source = clock.get("source", "")
    if source:
        clock = {key: value for key, value in clock.items() if key != "source"}
    return Saved(row["table_name"], row["relid"], row["mode"], watermark, _parsed(row["signature"]), clock, source)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> dict[str, Any]:
    """A table's signature stays the same for many runs, and all tables of a run have one clock. Only to be read."""
    content: dict[str, Any] = json.loads(text)
    return content
