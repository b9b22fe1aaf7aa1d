"""Decides, from what both sides say, how each table is brought up to date. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app import errors
from jobs.position import watermark
from jobs.position.snapshot import Snapshot, position
from jobs.position.watermark import Watermark
from jobs.record.state import Saved, State
from jobs.source.position import Identity
from jobs.tables import drift
from jobs.tables.table import Table

FULL, DELTA, WHOLE, FAILED = "full", "delta", "whole", "failed"
FIRST, FOREIGN = "first copy", "its rows are of another source"
# Why a table that events tell of is read by its watermark.
SWEEP = "sweep"


@dataclass(frozen=True)
class Step:
    """What to do with one table: `full` copies it anew, `delta` what changed, `whole` compares all of it.

    `unreadable`: what was recorded of its deleted rows can't be read any more.
    """

    table: Table
    action: str
    reason: str
    saved: Saved | None = None
    news: object = True
    unreadable: bool = False

    @property
    def compares_keys(self) -> bool:
        """Whether its delta finds what is gone by comparing all keys."""
        return self.unreadable or self.table.compares_keys

    @property
    def since(self) -> Watermark:
        """How far the table was read; only of a step that isn't `full`."""
        assert self.saved is not None
        return self.saved.watermark

    @property
    def gapless(self) -> bool:
        """Nothing is read twice: no transaction was running at the last snapshot, or each change is read once."""
        if self.saved is not None and self.table.mode.from_log:
            return self.action == DELTA
        if self.saved is not None and self.table.from_events:
            once = self.since.log.startswith("events outbox:")
            return self.action == DELTA and once and not (self.reason or self.unreadable)
        if self.saved is None or self.table.stamp is None:
            return False
        return self.table.mode.gapless_after(self.since)


def steps(
    tables: list[Table], state: State, now: Snapshot, *, full: bool = False, clock_back: frozenset[str] = frozenset()
) -> list[Step]:
    """One step for each table; `clock_back` names those since whose last run the source's clock was set back."""
    return [
        _step(table, state.tables.get(table.name), now, full=full, clock_back=table.name in clock_back)
        for table in tables
    ]


def _step(table: Table, saved: Saved | None, now: Snapshot, *, full: bool, clock_back: bool) -> Step:
    reason = "asked for" if full else _why_anew(table, saved, now, clock_back=clock_back)
    if reason or saved is None:
        return Step(table, FULL, reason, saved)
    return Step(table, WHOLE if table.mode.reads_all else DELTA, "", saved)


def _why_anew(table: Table, saved: Saved | None, now: Snapshot, *, clock_back: bool) -> str:
    if saved is None:
        return FIRST
    if saved.foreign:
        return FOREIGN
    changed = drift.describe(saved.signature, table.signature)
    if changed:
        return ", ".join(changed)
    if clock_back and saved.by_clock:
        return "the source's clock was set back"
    streamed = table.from_events or not table.stamp
    if not streamed and table.deletes.recorded and saved.watermark.snapshot.xmin <= table.purged:
        return "deletes since the last run were purged"
    if watermark.needs_reload(saved.watermark, now, by_clock=saved.by_clock):
        return "transaction ids wrapped since the last run"
    return ""


_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


def swapped(tables: list[Table], state: State) -> dict[str, errors.NeaptideError]:
    """The tables that were tables when they were copied, and are none any more, by name.

    Whoever owns one may put a view in its place: what it says would run as the reading role, and land in the file.
    """
    return {
        table.name: errors.SchemaChanged(
            f"{table.source_name} was a table when it was copied, and is {_KINDS[table.kind]} now",
            hint=f"if it is meant to be: `neaptide sync --full --table {table.source_name}`",
        )
        for table in tables
        if table.kind in _KINDS
        and table.name in state.tables
        and state.tables[table.name].signature.get("kind") is None
    }


def refused(tables: list[Table], state: State, *, default: str) -> dict[str, errors.NeaptideError]:
    """The tables whose definition changed and whose config says to stop then; by name, with what changed."""
    failures = swapped(tables, state)
    for table in tables:
        saved = state.tables.get(table.name)
        if saved is None or saved.foreign or (table.spec.on_schema_change or default) != "fail":
            continue
        changed = drift.of_schema(saved.signature, table.signature)
        if changed:
            failures[table.name] = errors.SchemaChanged(
                f"{table.source_name} changed: {', '.join(changed)}",
                hint=f"`neaptide sync --full --table {table.source_name}` takes it over; so does on_schema_change = "
                '"evolve"',
            )
    return failures


_WAIT = "try again once it has caught up: it lags behind another server, or was restarted a moment ago"


def _check_position(state: State, identity: Identity, hint: str) -> None:
    """The durable log of one timeline only grows; a standby may show an earlier part of it than another server did."""
    if position(identity.wal) >= position(state.wal):
        return
    where = f"its log goes up to {identity.wal}, the last sync saw {state.wal}"
    if identity.standby:
        raise errors.StandbyBehind(
            f"the standby has not replayed yet what the reporting file holds: {where}", hint=_WAIT
        )
    raise errors.SourceChanged(
        f"the source lost transactions that the last sync saw, so it was restored from a backup: {where}", hint=hint
    )


def is_of(state: State, identity: Identity, now: Snapshot) -> bool:
    """Whether the file was made from this source, as far as can be told."""
    try:
        check_identity(state, identity, now)
    except (errors.SourceChanged, errors.StandbyBehind):
        return False
    return True


def check_identity(state: State, identity: Identity, now: Snapshot) -> None:
    """Raise `errors.SourceChanged` where the file was made from another source, or from this one's future."""
    if not state.identity:
        return
    hint = "run `neaptide verify --repair` to compare and mend, or `neaptide sync --full` to copy anew"
    for part, name in (("system_id", "cluster"), ("database_oid", "database"), ("timeline", "timeline")):
        old, new = state.identity[part], getattr(identity, part)
        if old != new:
            raise errors.SourceChanged(f"the file was made from {name} {old}, the source is {name} {new}", hint=hint)
    _check_position(state, identity, hint)
    ahead = [saved.table for saved in state.tables.values() if not now.follows(saved.watermark.snapshot)]
    if ahead and identity.standby:
        raise errors.StandbyBehind(hint=_WAIT)
    if ahead:
        raise errors.SourceChanged(
            f"the last sync of {ahead[0]} saw transactions that the source doesn't know: it was restored from a backup",
            hint=hint,
        )
