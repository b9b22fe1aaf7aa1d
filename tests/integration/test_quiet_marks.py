"""Runs that find nothing to do, one after the other: each looks since the last, and none misses what comes late."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.feeds.watermark import probe
from jobs.plan.steps import Step
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.source import position
from jobs.targets.file import checked, freshness
from tests.support.syncing import Lab

ITEM = "CREATE TABLE {} (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
NAMES = ("item", "other")
# A transaction that changes nothing, and yet has an id.
PASSING = "SELECT pg_current_xact_id()"
Asked = list[dict[str, Watermark]]


def made(url: str, folder: Path, mode: str) -> Lab:
    """Two synced tables of ten rows each."""
    found = Lab(url, folder, [{"name": f"public.{name}", "watermark": mode} for name in NAMES])
    for name in NAMES:
        found.run(ITEM.format(name), f"INSERT INTO {name} SELECT g, 'name ' || g FROM generate_series(1, 10) AS g")
    found.track()
    found.sync()
    return found


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """The tables, read by their stamps."""
    return made(empty_db, tmp_path, "updated_at")


@pytest.fixture(params=["updated_at", "xid"])
def either(empty_db: str, tmp_path: Path, request: pytest.FixtureRequest) -> Lab:
    """The tables in either mode."""
    return made(empty_db, tmp_path, request.param)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Of each time that PostgreSQL is asked for written rows: since which watermark, by table."""
    found: Asked = []
    questions = probe._questions

    def ask(steps: list[Step], now: Snapshot) -> str:
        found.append({step.table.name: step.since for step in steps})
        return questions(steps, now)

    monkeypatch.setattr(probe, "_questions", ask)
    return found


def pass_by(lab: Lab) -> None:
    """Another transaction ends, and what it did to the log is on the disk."""
    lab.run("CREATE TABLE IF NOT EXISTS elsewhere (id int)", "INSERT INTO elsewhere VALUES (1)")


def test_where_no_transaction_ended_no_table_is_asked(lab: Lab, asked: Asked) -> None:
    assert not lab.sync().changed
    assert asked == []
    lab.run(PASSING)
    assert not lab.sync().changed
    assert [set(marks) for marks in asked] == [{"public.item", "public.other"}]
    lab.run("UPDATE item SET name = 'changed' WHERE id = 1")
    assert lab.sync().changed
    lab.assert_equal()


def test_a_quiet_run_looks_since_the_last_one(lab: Lab, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        pass_by(lab)
        assert not lab.sync().changed
    floors = [marks["public.item"].floor for marks in asked]
    assert None not in floors
    assert floors == sorted({*floors}, key=str)
    assert len(floors) == 3
    # What a crash could take back is not built upon.
    monkeypatch.setattr(position, "is_durable", lambda conn, seen: False)
    for _ in range(3):
        pass_by(lab)
        assert not lab.sync().changed
    assert asked[4]["public.item"] == asked[3]["public.item"] == asked[5]["public.item"]
    lab.run("UPDATE other SET name = 'changed' WHERE id = 1")
    assert lab.sync().changed
    lab.assert_equal()


@pytest.mark.few(1)
def test_what_commits_late_is_not_lost_behind_quiet_runs(either: Lab) -> None:
    lab = either
    with lab.connect(autocommit=False) as late, lab.connect(autocommit=False) as later:
        late.execute("UPDATE item SET name = 'late' WHERE id = 1")
        late.execute("SAVEPOINT one")
        late.execute("INSERT INTO item VALUES (11, 'late')")
        late.execute("DELETE FROM other WHERE id = 2")
        for _ in range(3):
            pass_by(lab)
            assert not lab.sync().changed
        later.execute("INSERT INTO other VALUES (12, 'later')")
        for _ in range(2):
            pass_by(lab)
            assert not lab.sync().changed
        late.commit()
        assert lab.sync().changed
        lab.assert_equal()
        assert not lab.sync().changed
        later.commit()
        assert lab.sync().changed
        lab.assert_equal()
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = 3")
        lab.sync()
        lab.assert_equal()


def test_a_table_that_failed_meanwhile_goes_on_from_where_it_stood(lab: Lab, asked: Asked) -> None:
    lab.run("ALTER TABLE other DISABLE TRIGGER USER", "UPDATE other SET name = 'unseen' WHERE id = 1")
    lab.sync()
    pass_by(lab)
    lab.sync()
    assert [set(marks) for marks in asked[-1:]] == [{"public.item"}]
    lab.track()
    lab.run("UPDATE other SET name = 'seen' WHERE id = 1")
    lab.sync()
    lab.assert_equal()


def test_a_run_of_one_table_says_nothing_of_the_others(lab: Lab) -> None:
    pass_by(lab)
    lab.sync()
    before = freshness.read(lab.job.files)
    pass_by(lab)
    assert not lab.sync(tables=["public.item"]).changed
    assert freshness.read(lab.job.files) == before


@pytest.mark.long
def test_what_nobody_can_read_beside_the_file_does_no_harm(lab: Lab) -> None:
    place = {"tables": ["public.item"], "snapshot": "none", "as_of": "x", "floor": 1, "standby": 0, "wal_end": ""}
    path = lab.job.files.beside("freshness")
    for turn, quiet in enumerate((None, 5, "text", [5], [{}], [{"tables": ["public.item"]}], [place])):
        path.write_text(json.dumps({**json.loads(path.read_text()), "quiet": quiet}))
        assert not lab.sync().changed, quiet
        path.write_text(json.dumps({**json.loads(path.read_text()), "quiet": quiet}))
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = 1")
        assert lab.sync().changed, quiet
        lab.assert_equal()


def test_marks_of_another_run_or_from_the_future_are_none(lab: Lab) -> None:
    pass_by(lab)
    run = lab.sync()
    content = freshness.read(lab.job.files)["quiet"][0]
    now = Snapshot.parse(content["snapshot"], as_of=datetime.now(UTC), wal=content["wal_end"])
    files = lab.job.files
    assert set(checked.watermarks(files, run.run_id, now)) == {"public.item", "public.other"}
    assert checked.watermarks(files, "another", now) == {}
    assert checked.watermarks(files, "", now) == {}
    assert checked.watermarks(files, run.run_id, replace(now, xmax=now.xmax - 1)) == {}
    assert checked.watermarks(files, run.run_id, replace(now, wal="0/1")) == {}


def test_marks_are_read_back_as_they_were_written(lab: Lab) -> None:
    pass_by(lab)
    run = lab.sync()
    at = datetime.now(UTC)
    places = [
        Watermark(Snapshot.parse("5:9:5,7", as_of=at, wal_end="0/30"), at - timedelta(seconds=60)),
        Watermark(Snapshot.parse("5:9:5,7", as_of=at, wal_end="0/30"), None, standby=True),
    ]
    marks = {"public.item": places[0], "public.other": places[1], "a.b": places[0]}
    packed = checked.packed(marks)
    assert [place["tables"] for place in packed] == [["public.item", "a.b"], ["public.other"]]
    freshness.write(lab.job.files, run.run_id, at, {}, quiet=freshness.Quiet(at, [], packed))
    now = Snapshot.parse("10:10:", as_of=at, wal="0/30")
    assert checked.watermarks(lab.job.files, run.run_id, now) == marks


def test_no_standbys_snapshot_is_the_same_as_another() -> None:
    at = datetime.now(UTC)
    before = Snapshot.parse("5:9:5", as_of=at)
    assert Snapshot.parse("5:9:5", as_of=at, wal_end="0/30").same_as(before)
    assert not Snapshot.parse("5:9:", as_of=at, wal_end="0/30").same_as(before)
    assert not Snapshot.parse("5:9:5", as_of=at).same_as(before)
