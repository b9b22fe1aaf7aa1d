"""What `status`, `runs` and `sync` say, within the room that there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import duckdb
import pytest

from app import statements
from app.face import runs, show, status, sync
from jobs.results import Growth, Run, Status, TableRun, TableStatus

AS_OF = datetime(2026, 11, 23, 20, 45, 11, tzinfo=UTC)
PLAIN = show.Look(80)


def _table(name: str, action: str = "delta") -> TableStatus:
    return TableStatus(
        name, 1234, "updated_at", "tombstone", AS_OF, 3.0, AS_OF, "7:7:", action, 2, 1, 262_144, 9, AS_OF
    )


def _run(run_id: str = "000000001-abcdef", *, reason: str = "first copy", tables: int = 8) -> dict[str, Any]:
    told = [
        {"table": f"shop.t{place}", "action": "full", "reason": reason, "notes": [], "error": None}
        for place in range(tables)
    ]
    return {
        "run_id": run_id, "kind": "sync", "started_at": AS_OF, "seconds": 0.4, "rows_in": 17_419, "rows_out": 0,
        "phases": {"probe": 0.001, "load": 0.31}, "warnings": [], "tables": told,
    }  # fmt: skip


def _status(tables: int = 8, **more: Any) -> Status:
    found = tuple(_table(f"shop.order_returns_{place}") for place in range(tables))
    state = Status("/var/lib/shop/reporting.duckdb", AS_OF, 3.0, "ok", False, 4_200_000, found, (_run(),))
    return replace(state, **more)


def test_the_first_line_answers_and_no_name_is_cut() -> None:
    lines = status._lines(_status(), PLAIN)
    assert lines[0] == "ok   as of 20:45:11 UTC, 3 s ago   8 tables, 9,872 rows, 4.0 MB"
    assert lines[1] == "/var/lib/shop/reporting.duckdb"
    assert sum("shop.order_returns_" in line for line in lines) == 8
    assert all(len(line) <= 80 for line in lines)
    assert len(status._lines(_status(), show.Look(200))) < len(lines)


def _text(found: Status, look: show.Look = PLAIN) -> str:
    return " ".join(" ".join(status._lines(found, look)).split())


@pytest.mark.parametrize(
    ("today", "told"),
    [
        ({"runs": 4812, "failed": 1, "whole": True}, "runs that changed the file today: 4,812, 1 failed; last run"),
        ({"runs": 1000, "failed": 0, "whole": False}, "today: 1,000 or more, 0 failed; last run"),
        (None, "rows: load 0.31 (neaptide runs)"),
    ],
)
def test_the_runs_of_today_are_counted(today: dict[str, Any] | None, told: str) -> None:
    assert told in _text(_status(today=today))


@pytest.mark.parametrize(
    ("later", "shown"), [(0, "20:45:11"), (3, "20:45:11"), (86_400, "2026-11-23"), (400 * 86_400, "2026-11-23")]
)
def test_a_table_says_when_it_last_changed(later: float, shown: str) -> None:
    [row] = [line for line in status._lines(_status(1, age=later), show.Look(100)) if "order_returns" in line]
    assert f"delta +2 -1  {shown}" in row
    gone = replace(_table("shop.t"), changed_at=None)
    assert shown not in "".join(status._tables(replace(_status(0), tables=(gone,)), show.Look(100), None))


DAEMON = {
    "alive": True, "state": "leading", "started_at": AS_OF.isoformat(), "next_run": None, "pid": 7, "host": "shop",
    "runs": {"changed": 12, "unchanged": 4800, "failed": 1},
}  # fmt: skip


def test_the_daemon_says_how_its_runs_went_and_where_it_answers() -> None:
    told = _text(_status(daemon=DAEMON, page="http://127.0.0.1:8321/"))
    assert "4,813 runs, 4,800 found nothing new, 1 failed page on http://127.0.0.1:8321/ process 7 on shop" in told
    without = _text(_status(daemon={**DAEMON, "runs": {}}))
    assert "page on" not in without
    assert "daemon leading since 2026-11-23 20:45:11 UTC process 7" in without
    asleep = _text(_status(page="http://127.0.0.1:8321/"))
    assert "no daemon: neaptide daemon keeps the file up to date, and answers on http://127.0.0.1:8321/" in asleep


def test_one_line_says_what_befell_eight_tables() -> None:
    assert runs.notes(_run(), PLAIN) == ["first copy of 8 tables"]
    assert runs.notes(_run(reason="asked for"), PLAIN) == ["8 tables: asked for"]
    assert runs.notes(_run(tables=1), PLAIN) == ["shop.t0: first copy"]
    failed = {"table": "shop.t9", "action": "failed", "reason": "", "notes": [], "error": "it is locked"}
    run = _run(reason="asked for", tables=2)
    assert runs.notes({**run, "tables": [*run["tables"], failed]}, PLAIN) == [
        "shop.t0, shop.t1: asked for",
        "shop.t9: it is locked",
    ]
    assert "first copy of 8 tables" in status._lines(_status(), PLAIN)


@pytest.mark.parametrize("height", [12, 24, 60])
def test_a_watched_status_uses_the_height_and_shows_what_failed_first(height: int) -> None:
    tables = (*(_table(f"t{place:02}") for place in range(40)), _table("zebra", "failed"))
    found = _status(tables=0, runs=tuple(_run(f"{place:09}-abcdef") for place in range(60, 0, -1)))
    lines = status._lines(replace(found, tables=tables), show.Look(100, height))
    assert len(lines) == height
    assert any("zebra" in line for line in lines)
    assert any("more" in line for line in lines) == (height < 41)


def test_colour_says_how_it_stands_and_only_where_it_is_wanted() -> None:
    bad = _status(level="fail", problems=("the file is older than [freshness] fail",))
    assert status._lines(bad, show.Look(80, colour=True))[0].startswith(click.style("fail", fg="red"))
    assert status._lines(_status(), show.Look(80, colour=True))[0].startswith(click.style("ok", fg="green"))
    assert not any("\x1b" in line for line in status._lines(bad, PLAIN))
    left = _status(problems=("shop.t1 is left as it was: it is locked",))
    assert status._lines(left, PLAIN)[0].startswith("1 problem   as of")


def test_columns_of_less_worth_go_before_anything_is_wrapped() -> None:
    rows = [("shop.order_returns_of_the_year", "updated_at", 12), ("x", "xid", 3)]
    assert show.drawn(("table", "mode", "n"), rows, show.Look(36), spare=("mode",))[0].split() == ["table", "n"]
    assert show.drawn(("table", "mode", "n"), rows, show.Look(80), spare=("mode",))[0].split() == ["table", "mode", "n"]


def _done(*tables: TableRun, changed: bool = True) -> Run:
    end = AS_OF + timedelta(seconds=0.4)
    return Run("000000001-abcdef", "sync", AS_OF, end, AS_OF, "7:7:", changed, tables)


FIRST = [TableRun(f"t{place}", "full", 10, 10, 0, 0.1, "first copy") for place in range(8)]
DELTA = [TableRun("t0", "delta", 3, 3, 2), TableRun("t1", "none")]


@pytest.mark.parametrize(
    ("run", "whole", "sentence"),
    [
        (
            _done(*FIRST), True, "8 tables equal as of 20:45:11 UTC: 80 rows in 0.4 s.",
        ),
        (_done(*DELTA), True, "2 tables equal as of 20:45:11 UTC: 3 rows in and 2 out, in 0.4 s."),
        (_done(*DELTA[:1]), False, "the file is as of 20:45:11 UTC: 3 rows in and 2 out, in 0.4 s."),
        (
            _done(*DELTA, TableRun("t2", "failed", error="it is locked")), True,
            "1 table left as before; the file is as of 20:45:11 UTC: 3 rows in and 2 out, in 0.4 s.",
        ),
        (_done(*DELTA[1:], changed=False), True, "nothing changed: 1 table equal as of 20:45:11 UTC."),
        (_done(changed=False), True, "nothing changed: the file is as of 20:45:11 UTC."),
    ],
)  # fmt: skip
def test_a_run_ends_in_a_sentence(run: Run, whole: bool, sentence: str) -> None:
    assert sync._sentence(run, whole=whole) == sentence


def test_many_first_copies_are_told_in_the_sentence_alone() -> None:
    many = [replace(FIRST[0], table=f"t{place}") for place in range(202)]
    noted = TableRun("noted", "full", 1, 1, 0, 0.1, "first copy", notes=("it has no key",))
    assert sync._worth_telling(many) == []
    assert sync._worth_telling([*many, noted, DELTA[0]]) == [noted, DELTA[0]]
    assert sync._worth_telling(FIRST) == FIRST


def test_runs_stand_in_one_line_each_with_the_phases_that_there_is_room_for() -> None:
    long = {"load": 12.31, "apply": 0.08, "checkpoint": 0.1, "publish": 0.01, "probe": 0.001}
    found = [{**_run(f"{place:09}-abcdef"), "rows_in": 17_419, "phases": long} for place in range(20)]
    for width in (80, 100, 200):
        lines = runs._table(found, show.Look(width))
        assert len(lines) == len(found) + 2
        assert max(map(len, lines)) <= width
        assert "load 12.31" in lines[-1]
    assert "load 12.31 apply 0.08 checkpoint 0.10 publish 0.01" in lines[-1]


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (Growth("runs", 1, None, "1,000"), "1 run (limit: 1,000)"),
        (Growth("versions of shop.orders", 1, 2048, "none"), "1 version of shop.orders, 2.0 kB (limit: none)"),
        (Growth("versions of shop.orders", 300, None, "none"), "300 versions of shop.orders (limit: none)"),
    ],
)
def test_what_grows_is_counted_in_its_noun(kept: Growth, told: str) -> None:
    assert status._growth(kept) == told


NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "failed", "keep", "told"),
    [
        ((), (), 1000, (0, 0, True)),
        ((13, 12.1), (), 1000, (0, 0, True)),
        ((12.1, 11.9, 3, 1), (0, 2, 2), 1000, (3, 1, True)),
        ((12.1, 11.9, 3), (1,), 3, (2, 1, True)),
        ((12, 3), (), 2, (2, 0, False)),
    ],
)
def test_runs_since_midnight(
    hours: tuple[float, ...], failed: tuple[int, ...], keep: int, told: tuple[int, int, bool]
) -> None:
    with duckdb.connect() as conn:
        conn.execute("ATTACH ':memory:' AS out; CREATE SCHEMA out.neaptide")
        conn.execute("CREATE TABLE out.neaptide.runs (run_id VARCHAR, started_at TIMESTAMPTZ)")
        conn.execute("CREATE TABLE out.neaptide.table_runs (run_id VARCHAR, error VARCHAR)")
        for place, before in enumerate(hours):
            began = NOON - timedelta(hours=before)
            conn.execute("INSERT INTO out.neaptide.runs VALUES (?, ?)", [str(place), began])
            conn.execute("INSERT INTO out.neaptide.table_runs VALUES (?, NULL)", [str(place)])
        for place in failed:
            conn.execute("INSERT INTO out.neaptide.table_runs VALUES (?, 'it is locked')", [str(place)])
        since = {"since": NOON - timedelta(hours=12), "keep": keep}
        assert conn.execute(statements.get("status", "today"), since).fetchall() == [told]
