"""A lake that is fed by the log or by events: how far they were read is a part of its commit, on whatever machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from app import errors
from jobs import faults
from jobs.sessions import OpenSessions
from jobs.status import feeding
from tests.support import cluster, wallab
from tests.support.events import telling
from tests.support.lakelab import LakeLab, end_sessions

FEEDS = ("wal", "events")


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LakeLab]:
    """A table of a hundred rows that the feed of the parameter follows, and a catalog for its lake."""
    catalog = postgres.create_database()
    feed: str = getattr(request, "param", "wal")
    found = LakeLab(empty_db, tmp_path, [{"name": "public.item", "feed": feed}], catalog=catalog)
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text)",
        "INSERT INTO item SELECT g, 'row ' || g FROM generate_series(1, 100) AS g",
    )
    found.track()
    if feed == "events":
        found.run(*telling("public.item", "id"))
    found.sync()
    yield found
    postgres.drop_database(catalog)


def synced(lab: LakeLab) -> str:
    """One run, after which both sides are equal: what it did."""
    run = lab.sync()
    lab.assert_equal()
    return run.tables[0].action


@pytest.mark.long
@pytest.mark.parametrize("lab", FEEDS, indirect=True)
def test_machines_take_turns(lab: LakeLab) -> None:
    """One of them keeps its sessions, as a daemon does that the other one's run is in between."""
    machines = replace(lab, keep=OpenSessions()), replace(lab, place="there")
    for turn in range(3):
        for machine in machines:
            lab.run(
                f"UPDATE item SET name = 'turn {turn}' WHERE id % 7 = {turn}", f"DELETE FROM item WHERE id = {turn}"
            )
            lab.run(f"INSERT INTO item VALUES (-{turn}, 'x') ON CONFLICT (id) DO UPDATE SET name = 'y'")
            assert synced(machine) == "delta"
    assert synced(machines[0]) == synced(machines[1]) == "none"
    assert machines[0].keep is not None
    machines[0].keep.close()


@pytest.mark.long
def test_a_slot_is_the_lakes_and_not_a_machines(lab: LakeLab) -> None:
    other = replace(lab, place="there")
    assert other.job.files.known_slot == lab.job.files.slot == wallab.slot(lab)["slot_name"]
    assert len(feeding.read(other.job).slots) == 1
    # One machine dropped it to make it anew, and died: another one goes on.
    note = lab.job.files.read("slot")
    lab.run(f"SELECT pg_drop_replication_slot('{lab.job.files.slot}')", "UPDATE item SET name = 'unseen' WHERE id = 5")
    lab.job.files.note("slot", note | {"anew": True})
    assert synced(other) == "full"
    lab.run("UPDATE item SET name = 'seen' WHERE id = 6")
    assert synced(lab) == "delta"


POINTS = ("snapshot_joined", "table_done", "before_commit", "after_commit", "snapshot_released", "before_freshness")


class Broken(Exception):
    """What the test throws into a run."""


@pytest.mark.long
@pytest.mark.parametrize("away", [False, True], ids=["run ends", "catalog dies"])
@pytest.mark.parametrize("lab", FEEDS, indirect=True)
def test_a_run_that_ends_anywhere_leaves_rows_and_position_together(
    lab: LakeLab, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    lab.keep = OpenSessions() if away else None
    passed: list[str] = []

    def end(name: str) -> None:
        if name == wanted and name not in passed:
            passed.append(name)
            if not away:
                raise Broken
            end_sessions(lab)

    for turn, wanted in enumerate(POINTS):  # noqa: B007  the fault's
        lab.run(
            f"UPDATE item SET name = name || 'q' WHERE id % 5 = {turn % 5}", f"DELETE FROM item WHERE id = {turn + 50}"
        )
        with monkeypatch.context() as patch:
            patch.setattr(faults, "point", end)
            with suppress(errors.Retryable, Broken):
                lab.sync()
        lab.run(f"INSERT INTO item VALUES ({1000 + turn}, 'between')")
        assert synced(lab) == "delta"
    assert passed == list(POINTS)
    if lab.keep:
        lab.keep.close()


PROJECTIONS = """
from datetime import timedelta
from neaptide import Projection

for name, kind in (("sums", "HUGEINT"), ("spans", "interval")):
    made = Projection(name, key={"id": "VARCHAR"}, columns={"n": kind})

    @made.on("UPDATE")
    def updated(event, rows, kind=kind):
        rows.put(id=event.key, n=2**100 if kind == "HUGEINT" else "3 us")
    globals()[name] = made
"""


@pytest.mark.long
@pytest.mark.parametrize("lab", ["events"], indirect=True)
def test_a_projection_holds_what_parquet_can(lab: LakeLab) -> None:
    place = lab.folder / "here" / "projections.py"
    place.write_text(PROJECTIONS)
    lab.events = {"projections": place}
    lab.run("UPDATE item SET name = 'x' WHERE id < 3")
    [warning] = lab.sync().warnings
    assert "spans" in warning and "a lake's files would change" in warning
    lab.assert_equal()
    with lab.open() as store:
        assert store.query("SELECT n FROM projections.sums").rows == [(2**100,)] * 2
        assert ("projections", "spans") not in store.tables()
