"""A process that reads the log between its runs, too: what it asks of the server, and what it may rely on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from jobs.feeds.wal.reader import LogReader
from jobs.sessions import OpenSessions
from jobs.source import position
from tests.support import daemons
from tests.support.syncing import Lab
from tests.support.wallab import made, synced, told

_ASKED = """
SELECT a.pid, a.query_start FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.application_name LIKE 'neaptide%'
"""


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of a hundred rows, tracked and synced twice, so that both files exist."""
    return made(empty_db, tmp_path)


@pytest.fixture
def kept(lab: Lab) -> Iterator[Lab]:
    """The same with sessions that stay open between runs, after a first one."""
    sessions = OpenSessions()
    found = replace(lab, keep=sessions)
    synced(found)
    yield found
    sessions.close()


@pytest.mark.long
def test_an_idle_daemon_asks_once_a_second_that_it_leads_and_nothing_else(lab: Lab) -> None:
    with daemons.running(daemons.write_config(lab, every="1h")) as daemon:
        daemon.saw("run_done")
        # Sessions that have just been opened are still being greeted.
        daemons.wait_until(lambda: _questions(lab, 1.5) <= 3)
        lab.run("UPDATE item SET name = 'told of' WHERE id = 3")
        daemons.wait_until(lambda: lab.file_rows("public.item") == lab.source_rows("public.item"))


@pytest.mark.long
def test_a_daemon_goes_on_by_itself_once_a_slot_is_there_again(lab: Lab) -> None:
    """No commit tells that it is: nobody reads a log without a slot, and the tables have nothing else to ask for."""
    more = '[[tables]]\nname = "public.other"\nfeed = "watermark"'
    lab.run("CREATE TABLE other (id bigint PRIMARY KEY)")
    config = daemons.write_config(lab, every="1h", more=more)
    replace(lab, specs=[*lab.specs, {"name": "public.other", "feed": "watermark"}]).track()
    with daemons.running(config) as daemon:
        daemon.saw("run_done", changed=True)
        daemons.wait_until(lambda: _dropped(lab))
        lab.run("UPDATE item SET name = 'told of by none' WHERE id = 3", "INSERT INTO other VALUES (1)")
        assert "run `neaptide track`" in daemon.saw("table_failed")["event"]
        daemons.wait_until(lambda: lab.file_rows("public.other") == lab.source_rows("public.other"))
        lab.track()
        daemons.wait_until(lambda: lab.file_rows("public.item") == lab.source_rows("public.item"))
        daemon.saw("recovered")
        assert daemon.saw("copied_anew", table="public.item")["event"].startswith("public.item was copied anew: ")


def _dropped(lab: Lab) -> bool:
    """Drop the slot, which the daemon takes again as soon as it can."""
    name = lab.job.files.slot
    with lab.connect() as conn:
        conn.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [name])
        try:
            conn.execute("SELECT pg_drop_replication_slot(%s)", [name])
        except psycopg.errors.ObjectInUse:
            return False
    return True


def _questions(lab: Lab, seconds: float) -> int:
    """How many statements Neaptide's sessions began in that time, as far as they are seen every few milliseconds."""
    seen: set[tuple[int, datetime]] = set()
    with lab.connect() as conn:
        before = set(conn.execute(_ASKED.encode()))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seen |= set(conn.execute(_ASKED.encode()))
            time.sleep(0.01)
    return len(seen - before)


@pytest.mark.parametrize("anew", [False, True])
def test_a_slot_that_was_read_a_moment_ago_is_not_taken_for_that_of_now(kept: Lab, anew: bool) -> None:
    name = kept.job.files.slot
    with kept.connect() as conn:
        conn.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [name])
        daemons.wait_until(lambda: not conn.execute(
            "SELECT active FROM pg_replication_slots WHERE slot_name = %s", [name]).fetchone()[0]  # type: ignore[index]
        )  # fmt: skip
        conn.execute("SELECT pg_drop_replication_slot(%s)", [name])
        conn.execute("UPDATE item SET name = 'in no slot' WHERE id = 5")
        if anew:
            conn.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
    if not anew:
        with pytest.raises(Exception, match="is not there"):
            kept.sync()
        kept.track()
    action, _, reason = synced(kept)["item"]
    assert (action, reason) == ("full", "the log since its last copy was lost")


def test_what_the_log_has_not_told_yet_may_be_lost_in_a_crash(kept: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sends what is on its disk; what a run has not waited for it has to ask for."""
    asked, waiting = list[str](), position.wait_until_durable

    def waits(conn: position.Connection, wal_end: str, since: float) -> None:
        asked.append(wal_end)
        waiting(conn, wal_end, since)

    monkeypatch.setattr(position, "wait_until_durable", waits)
    kept.run("UPDATE item SET name = 'told' WHERE id = 6")
    assert told(kept.sync())["item"][0] == "delta"
    assert not asked
    kept.run("UPDATE item SET name = 'told later' WHERE id = 6")
    with monkeypatch.context() as early:
        early.setattr(LogReader, "received", 1)
        assert told(kept.sync())["item"][0] == "delta"
    assert len(asked) == 1
    kept.assert_equal()


def test_deleted_keys_are_found_among_changed_ones(kept: Lab) -> None:
    kept.run("UPDATE item SET name = 'stays' WHERE id < 9", "DELETE FROM item WHERE id IN (3, 7)")
    assert synced(kept)["item"][0] == "delta"
    kept.run("DELETE FROM item WHERE id = 8", "INSERT INTO item VALUES (8, 'again'), (300, 'new')")
    assert synced(kept)["item"][0] == "delta"
