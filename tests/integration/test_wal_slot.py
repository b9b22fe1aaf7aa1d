"""What the slot of a target holds of the server's log: what is said of it, and that nothing is held for nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app import errors
from jobs.daemon import metrics, monitor
from jobs.status import feeding, loghold
from jobs.status.board import Board
from jobs.status.report import read_status
from jobs.tracking import install
from tests.support.syncing import Lab
from tests.support.wallab import made, synced

SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
FORGETS = (
    "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000))",
    "SELECT pg_switch_wal()",
    "CHECKPOINT",
)


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    return made(empty_db, tmp_path)


def problems(lab: Lab) -> list[str]:
    """What /readyz says, as `status` does; whether the slot is lost, as the metrics do."""
    ready = monitor.readiness(lab.job)
    found: list[str] = ready["problems"]
    assert list(read_status(lab.job).problems) == found
    lost = any("is not there" in problem or "is made anew" in problem for problem in found)
    assert ready.get("log_lost", False) is lost
    assert metric(lab, "neaptide_log_lost") == (f"neaptide_log_lost {float(lost)}" if "log_lost" in ready else "")
    return found


def metric(lab: Lab, name: str) -> str:
    """The line of /metrics; empty where there is none."""
    text = metrics.exposition(lab.job, Board())()
    return next((line for line in text.splitlines() if line.startswith(f"{name} ")), "")


def held(lab: Lab) -> str:
    return metric(lab, "neaptide_log_held_bytes")


def rows(lab: Lab, query: str) -> list[Any]:
    with lab.connect() as conn:
        return conn.execute(query.encode()).fetchall()


def test_a_slot_that_is_dropped_or_lost_is_told_and_made_good(lab: Lab) -> None:
    assert problems(lab) == [] and held(lab)
    lab.run(f"SELECT pg_drop_replication_slot('{lab.job.files.slot}')")
    with pytest.raises(errors.NotTracked):
        lab.sync()
    assert problems(lab) == [f"the slot {lab.job.files.slot} is not there: run `neaptide track`"]
    lab.track()
    assert synced(lab)["item"][0] == "full"
    assert problems(lab) == []
    lab.run("ALTER SYSTEM SET max_slot_wal_keep_size = 0", "SELECT pg_reload_conf()")
    try:
        lab.run("DELETE FROM item WHERE id = 7", *FORGETS, *FORGETS)
        assert "is lost" in feeding.read(lab.job).tables[0].problem
        with lab.connect(autocommit=False) as writing:
            # A slot is not made while somebody writes.
            writing.execute("UPDATE item SET name = 'open' WHERE id = 1")
            with pytest.MonkeyPatch.context() as soon:
                soon.setattr("jobs.feeds.wal.opening._MAKING", {"statement_timeout": "300", "lock_timeout": "0"})
                with pytest.raises(errors.SourceTimeout, match="can't be made anew"):
                    lab.sync()
            [problem] = problems(lab)
            assert "is made anew" in problem
        # That it was dropped is no reason to wait for `track`.
        assert synced(lab)["item"][0] == "full"
        assert problems(lab) == []
    finally:
        lab.run("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")


def test_what_is_held_beyond_a_limit_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loghold, "_MUCH", 100)
    with lab.connect(autocommit=False) as writing:
        writing.execute("UPDATE item SET name = 'open' WHERE id = 1")
        lab.run("UPDATE item SET name = 'done' WHERE id = 2", FORGETS[0])
        lab.sync()
        [problem] = problems(lab)
    assert "of its log for the slot" in problem
    assert int(float(held(lab).split()[1])) > 100


@pytest.mark.parametrize("watermark", ["updated_at", "none"])
def test_nothing_is_held_for_tables_that_are_followed_in_another_way(lab: Lab, watermark: str) -> None:
    lab.run("ALTER TABLE item ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now()")
    lab.specs = [{"name": "public.item", "watermark": watermark, "feed": "watermark"}]
    lab.sync_options = {}
    [problem] = problems(lab)
    assert "no table follows the log any more" in problem
    assert lab.job.files.slot in "".join(install.missing(lab.job))
    lab.track()
    assert rows(lab, SLOTS) == [] and rows(lab, "SELECT pubname FROM pg_publication") == []
    assert problems(lab) == [] and held(lab) == "" and install.missing(lab.job) == []
    synced(lab)
