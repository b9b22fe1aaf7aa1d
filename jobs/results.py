"""What a run, a plan and a status report say. Plain data; `as_dict` is the shape of `--json`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class Report:
    """What is said as JSON, too."""

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts and lists; datetimes stay datetimes for the encoder."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class TableRun:
    """What one run did to one table. `action` is full, delta, none, removed or failed; times are seconds."""

    table: str
    action: str
    rows_read: int = 0
    rows_in: int = 0
    rows_out: int = 0
    seconds: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class ModelRun:
    """What one run did to one read model. `action` is rows, groups, sums or whole, as it was kept; or built, failed,
    removed. `keys` are the rows or groups that were worked out again. `reason` says why it was made anew, `cause` in
    one word: first, altered, duckdb, table, input, failed, share, cost.
    """

    model: str
    action: str
    kind: str = ""
    keys: int = 0
    rows: int = 0
    seconds: float = 0.0
    reason: str = ""
    cause: str = ""
    error: str | None = None


@dataclass(frozen=True)
class SourceRun:
    """What one run did with one of several sources; where it failed, its tables are left as of an earlier moment."""

    source: str
    run_id: str = ""
    as_of: datetime | None = None
    snapshot: str = ""
    changed: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Run(Report):
    """One run. `changed` is false where nothing had changed and no file was written.

    `phases` are seconds by name: gather, apply, publish, … `warnings` are sentences for the operator.
    """

    run_id: str
    kind: str
    started_at: datetime
    finished_at: datetime
    as_of: datetime
    snapshot: str
    changed: bool
    tables: tuple[TableRun, ...] = ()
    phases: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    models: tuple[ModelRun, ...] = ()
    sources: tuple[SourceRun, ...] = ()

    @property
    def failed_models(self) -> tuple[ModelRun, ...]:
        """The models that are not in the file, each with its error."""
        return tuple(model for model in self.models if model.error)

    @property
    def failed(self) -> tuple[TableRun, ...]:
        """The tables that were left as they were, each with its error."""
        return tuple(table for table in self.tables if table.error)


@dataclass(frozen=True)
class ColumnVerdict:
    """What becomes of one column."""

    column: str
    postgresql: str
    duckdb: str
    lossless: bool
    note: str = ""


@dataclass(frozen=True)
class TablePlan:
    """What a run would do to one table; `rows` and `deletes` are counted in the snapshot."""

    table: str
    action: str
    reason: str
    rows: int
    deletes: int
    columns: tuple[ColumnVerdict, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class ModelPlan:
    """What a run would do to one read model: rows, groups, sums or whole; build, remove, none; or why it fails."""

    model: str
    action: str
    reason: str = ""
    error: str | None = None


@dataclass(frozen=True)
class DryRun(Report):
    """What a run would do; nothing was written."""

    as_of: datetime
    tables: tuple[TablePlan, ...]
    warnings: tuple[str, ...] = ()
    models: tuple[ModelPlan, ...] = ()


@dataclass(frozen=True)
class TableStatus:
    """One table of the reporting file. `floor` is None where no floor is known; `lag` is seconds behind the clock.

    `changed_at` is the source's moment in the run that last changed it, None where that run's record is gone.
    """

    table: str
    rows: int
    mode: str
    deletes: str
    as_of: datetime | None
    lag: float | None
    floor: datetime | None
    snapshot: str | None
    last_action: str = ""
    rows_in: int = 0
    rows_out: int = 0
    bytes: int | None = 0
    columns: int = 0
    changed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True)
class SourceStatus:
    """One of several sources: as of when its tables are in the file, and why the last run could not read it.

    `log` is what its server held of its log for the target at the last run, in bytes; None where there is no slot.
    """

    source: str
    tables: int
    as_of: datetime | None
    lag: float | None
    error: str | None = None
    log: dict[str, Any] | None = None


@dataclass(frozen=True)
class ModelStatus:
    """One read model of the reporting file. `as_of` is the oldest of its inputs', None where there is none.

    `action`, `keys` and `seconds` are of the run that last changed it, `built_seconds` and `reason` of its last build.
    With an `error` there is no such table.
    """

    model: str
    kind: str
    why: str
    inputs: tuple[str, ...]
    as_of: datetime | None
    rows: int
    action: str
    keys: int
    seconds: float
    run_id: str
    built_seconds: float
    reason: str
    bytes: int | None = 0
    error: str | None = None


@dataclass(frozen=True)
class ModelDetails(Report):
    """One read model: how it is kept and why so, what its last run and its last build took, in seconds, and its size.

    `built` is false where it is not in the file (yet); `error` says why it can't be, `hint` the way out. `kind` is
    rows, groups, sums or whole. `advice` is what would make it cheaper to keep or to read. A run makes it anew where
    more keys than `rebuilt_above` may have changed; `costs` are what that follows from: keys or rows, and the seconds
    of processor time that they took. Both are None where there is no choice.
    """

    name: str
    kind: str = ""
    why: str = ""
    title: str = ""
    description: str = ""
    inputs: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    built: bool = False
    rows: int = 0
    rows_per_input_row: float | None = None
    action: str = ""
    keys: int = 0
    seconds: float = 0.0
    rebuild_seconds: float | None = None
    rebuild_reason: str = ""
    rebuilt_above: int | None = None
    costs: dict[str, Any] | None = None
    bytes: int | None = 0
    advice: tuple[str, ...] = ()
    error: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class ColumnShape:
    """A column of the reporting file; `postgresql` is its type in the source, None where the file doesn't know."""

    name: str
    type: str
    postgresql: str | None


@dataclass(frozen=True)
class TableShape(Report):
    """One table of the reporting file and what it is made of."""

    table: str
    rows: int
    as_of: datetime
    columns: tuple[ColumnShape, ...]


@dataclass(frozen=True)
class Growth:
    """Something that grows beside or in the file, and its `limit` in words. None where a number isn't known."""

    what: str
    count: int | None
    bytes: int | None
    limit: str


@dataclass(frozen=True)
class Status(Report):
    """How the reporting file stands. `as_of` is None where there is none yet; `age` is seconds.

    `daemon` is what the daemon of this target wrote last: state, process, next run, last error; None without one.
    `kept` is what grows, each with its limit; `format` is the file's, `versions` what is installed.
    `today` counts the file's runs since midnight, UTC: `runs`, `failed` (a table was left as it was), and `whole`,
    false where older records of today may be gone. `page` is the address at which the daemon answers.
    `log` is what the server held of its log for the target at the last run, in bytes; None for a target without a slot.
    Of several sources each says so itself.
    """

    path: str
    as_of: datetime | None
    age: float | None
    level: str
    running: bool
    file_bytes: int
    tables: tuple[TableStatus, ...]
    runs: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
    daemon: dict[str, Any] | None = None
    models: tuple[ModelStatus, ...] = ()
    kept: tuple[Growth, ...] = ()
    format: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    log: dict[str, Any] | None = None
    today: dict[str, Any] | None = None
    page: str | None = None
    sources: tuple[SourceStatus, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Whether something needs doing. An age beyond `[freshness] warn` alone is no more than a warning."""
        tolerated = 1 if self.level == "warn" else 0
        return self.level in ("missing", "fail") or len(self.problems) > tolerated


class Progress(Protocol):
    """Who wants to show how far a run is."""

    def start(self, task: str, total: int | None) -> None:
        """`task` (a table's name) begins; `total` rows are expected, if known."""

    def advance(self, task: str, rows: int) -> None:
        """`rows` more are done."""

    def finish(self, task: str) -> None:
        """`task` is complete."""


class Silent:
    """Shows nothing."""

    def start(self, task: str, total: int | None) -> None: ...

    def advance(self, task: str, rows: int) -> None: ...

    def finish(self, task: str) -> None: ...
