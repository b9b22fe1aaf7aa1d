"""What a run decides to do with each table, and with a file that may be of another source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app import errors
from jobs.plan import steps
from jobs.plan.steps import DELTA, FULL, WHOLE, Step
from jobs.position.snapshot import AGE_LIMIT, Snapshot
from jobs.position.watermark import Watermark
from jobs.record.state import Saved, State
from jobs.source.position import Identity
from jobs.tables.table import Table
from jobs.types.column_plan import ColumnInfo
from tests.support.shapes import INFOS, XID, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTED = (*INFOS, ColumnInfo("sync_xid", 6, XID))


def snapshot(text: str) -> Snapshot:
    return Snapshot.parse(text, as_of=NOON)


NOW = snapshot("200:200:")


def saved(found: Table, text: str = "100:100:", floor: datetime | None = NOON, **changes: Any) -> Saved:
    """What a file says of the table that was read as it is."""
    mark = Watermark(snapshot(text), floor)
    return replace(Saved(found.name, found.relid, found.spec.watermark, mark, found.signature), **changes)


def step(found: Table, before: Saved | None, now: Snapshot = NOW, **given: Any) -> Step:
    state = State(tables={found.name: before} if before else {})
    (decided,) = steps.steps([found], state, now, **given)
    return decided


STAMPED, WHOLE_TABLE, COMPARED = table(), table(watermark="none"), table(deletes="compare")
BY_XID = table(COUNTED, watermark="xid")
PURGED = {"purged": 100}
FAR = snapshot(f"{100 + AGE_LIMIT}:{100 + AGE_LIMIT}:")


@pytest.mark.parametrize(
    ("found", "before", "given", "action", "reason"),
    [
        (STAMPED, None, {}, FULL, "first copy"),
        (STAMPED, saved(STAMPED), {}, DELTA, ""),
        (BY_XID, saved(BY_XID), {}, DELTA, ""),
        (WHOLE_TABLE, saved(WHOLE_TABLE), {}, WHOLE, ""),
        (STAMPED, saved(STAMPED), {"full": True}, FULL, "asked for"),
        (STAMPED, None, {"full": True}, FULL, "asked for"),
        (STAMPED, saved(STAMPED, "0:0:", None, signature={}), {}, FULL, steps.FOREIGN),
        (STAMPED, saved(table(where="id > 3")), {}, FULL, "its entry in the config changed"),
        (
            STAMPED,
            saved(WHOLE_TABLE),
            {},
            FULL,
            "triggers changed, a column of its key or its stamp was altered, its entry in the config changed",
        ),
        (STAMPED, saved(STAMPED), {"clock_back": frozenset({"public.t"})}, FULL, "the source's clock was set back"),
        (STAMPED, saved(STAMPED), {"clock_back": frozenset({"public.other"})}, DELTA, ""),
        (BY_XID, saved(BY_XID), {"clock_back": frozenset({"public.t"})}, DELTA, ""),
        (table(facts=PURGED), saved(STAMPED), {}, FULL, "deletes since the last run were purged"),
        (table(facts=PURGED), saved(STAMPED, "101:110:101"), {}, DELTA, ""),
        (table(deletes="compare", facts=PURGED), saved(COMPARED), {}, DELTA, ""),
        (STAMPED, saved(STAMPED), {"now": FAR}, DELTA, ""),
        (STAMPED, saved(STAMPED, floor=None), {"now": FAR}, FULL, "transaction ids wrapped since the last run"),
        (STAMPED, saved(STAMPED, floor=None), {}, DELTA, ""),
        (BY_XID, saved(BY_XID, floor=None), {"now": FAR}, DELTA, ""),
    ],
)
def test_a_table_is_copied_anew_where_a_delta_is_not_enough(
    found: Table, before: Saved | None, given: dict[str, Any], action: str, reason: str
) -> None:
    decided = step(found, before, **given)
    assert (decided.action, decided.reason) == (action, reason)
    assert decided.saved == before


@pytest.mark.parametrize(
    ("found", "text", "standby", "gapless"),
    [
        (STAMPED, "100:100:", False, True),
        (STAMPED, "100:110:100", False, False),
        (BY_XID, "100:110:100", False, True),
        (BY_XID, "100:110:", True, False),
        (BY_XID, "100:100:", True, True),
        (WHOLE_TABLE, "100:100:", False, False),
    ],
)
def test_nothing_is_read_twice_where_nobody_was_running_or_each_change_is_read_once(
    found: Table, text: str, standby: bool, gapless: bool
) -> None:
    before = saved(found, text)
    before = replace(before, watermark=replace(before.watermark, standby=standby))
    assert step(found, before).gapless is gapless
    assert not step(found, None).gapless


ADDED = table((*INFOS, ColumnInfo("more", 6, XID)))


@pytest.mark.parametrize(
    ("found", "before", "default", "told"),
    [
        (ADDED, saved(STAMPED), "evolve", ""),
        (ADDED, saved(STAMPED), "fail", "column more added"),
        (table((*INFOS, ColumnInfo("more", 6, XID)), on_schema_change="evolve"), saved(STAMPED), "fail", ""),
        (table((*INFOS, ColumnInfo("more", 6, XID)), on_schema_change="fail"), saved(STAMPED), "evolve", "more added"),
        (ADDED, None, "fail", ""),
        (ADDED, saved(STAMPED, "0:0:", signature={}), "fail", ""),
        (table(where="id > 3"), saved(STAMPED), "fail", ""),
    ],
)
def test_a_changed_shape_is_refused_where_the_config_says_so(
    found: Table, before: Saved | None, default: str, told: str
) -> None:
    state = State(tables={"public.t": before} if before else {})
    refused = steps.refused([found], state, default=default)
    assert set(refused) == ({"public.t"} if told else set())
    assert told in "".join(error.message for error in refused.values())


HERE = Identity("c1", 1, 5, "db", standby=False, version=180000, wal="0/2000")
FILE = State(
    "lineage", {"system_id": "c1", "timeline": 1, "database_oid": 5, "database": "db"}, "1",
    {"public.t": saved(STAMPED, "100:150:100")}, wal="0/1000",
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "identity", "now", "told"),
    [
        (State(), HERE, NOW, None),
        (FILE, HERE, NOW, None),
        (FILE, HERE, snapshot("150:150:"), None),
        (FILE, replace(HERE, wal="0/1000"), NOW, None),
        (FILE, replace(HERE, database="renamed"), NOW, None),
        (FILE, replace(HERE, system_id="c2"), NOW, "made from cluster c1, the source is cluster c2"),
        (FILE, replace(HERE, database_oid=6), NOW, "made from database 5"),
        (FILE, replace(HERE, timeline=2), NOW, "made from timeline 1"),
        (FILE, replace(HERE, wal="0/FFF"), NOW, "the source lost transactions that the last sync saw"),
        (FILE, HERE, snapshot("149:149:"), "public.t saw transactions that the source doesn't know"),
        (FILE, replace(HERE, wal="0/FFF", standby=True), NOW, "the standby has not replayed yet"),
        (FILE, replace(HERE, standby=True), snapshot("149:149:"), "standby"),
        # What is of another source already says nothing of this one.
        (replace(FILE, tables={"public.t": saved(STAMPED, "0:0:", signature={})}), HERE, snapshot("9:9:"), None),
    ],
)
def test_a_source_that_is_not_the_files_own_is_told(
    state: State, identity: Identity, now: Snapshot, told: str | None
) -> None:
    assert steps.is_of(state, identity, now) is (told is None)
    if told is None:
        steps.check_identity(state, identity, now)
        return
    wanted = errors.StandbyBehind if identity.standby else errors.SourceChanged
    with pytest.raises(wanted) as caught:
        steps.check_identity(state, identity, now)
    assert told in f"{caught.value.message}"
    assert caught.value.hint
