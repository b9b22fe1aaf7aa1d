"""The slot of a feed from the log: how far the server is told, who has it, and what becomes of it."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from app import errors
from jobs.feeds.wal import feed as following
from jobs.feeds.wal import log as changes
from jobs.feeds.wal import stream
from jobs.sessions import OpenSessions
from jobs.targets.file import work
from tests.support.cluster import Cluster
from tests.support.syncing import Lab
from tests.support.wallab import made, slot, synced, told


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of a hundred rows, tracked and synced twice, so that both files exist."""
    return made(empty_db, tmp_path)


def test_the_server_is_told_only_of_what_both_files_have(lab: Lab) -> None:
    before = slot(lab)["confirmed_flush_lsn"]
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = {turn + 1}")
        seen = {saved.watermark.log.split(" ")[0] for saved in _state(lab).tables.values()}
        synced(lab)
        # The file that was published until now is the spare one: it lacks what comes after.
        assert {slot(lab)["confirmed_flush_lsn"]} == seen
    assert slot(lab)["confirmed_flush_lsn"] > before


@pytest.mark.long
@pytest.mark.parametrize("kept", [False, True])
def test_a_run_that_lasts_longer_than_the_server_waits_for_its_reader_confirms_all_the_same(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Else the server would keep its log for good where every run lasts so long."""
    lab.keep = OpenSessions() if kept else None
    lab.run(f"ALTER DATABASE {lab.url.rpartition('/')[2]} SET wal_sender_timeout = '300ms'")
    gathered = following.WalFeed.gather

    def slowly(*given: Any) -> Any:
        while slot(lab)["active"]:
            time.sleep(0.05)
        return gathered(*given)

    monkeypatch.setattr(following.WalFeed, "gather", slowly)
    confirmed = [slot(lab)["confirmed_flush_lsn"]]
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = {turn + 1}")
        assert synced(lab)["item"][0] == "delta"
        confirmed.append(slot(lab)["confirmed_flush_lsn"])
    assert confirmed == sorted(set(confirmed))
    if lab.keep:
        lab.keep.close()


def _state(lab: Lab) -> Any:
    return work.peek(lab.job)


def test_an_idle_database_lets_go_of_the_log_and_goes_on_without_a_copy_of_its_tables(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "IDLE", 0)
    lab.run("CREATE TABLE other AS SELECT g FROM generate_series(1, 1000) AS g")
    before = slot(lab)["confirmed_flush_lsn"]
    assert synced(lab) == {"item": ("none", 0, "")}
    assert slot(lab)["confirmed_flush_lsn"] > before
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = {turn + 1}")
        assert synced(lab)["item"][0] == "delta"


def test_more_keys_than_may_be_held_have_the_table_copied(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_KEYS", 50)
    lab.run("UPDATE item SET name = name || '!'")
    assert synced(lab)["item"] == ("full", 100, following.MANY)
    lab.run("UPDATE item SET name = 'few' WHERE id = 2")
    synced(lab)
    monkeypatch.undo()
    lab.run("UPDATE item SET name = 'fewer' WHERE id = 2")
    assert synced(lab)["item"][0] == "delta"


def test_a_slot_that_is_gone_and_a_publication_without_the_table(lab: Lab) -> None:
    name = lab.job.files.slot
    lab.specs = [*lab.specs, {"name": "public.plain", "watermark": "none"}]
    lab.run("CREATE TABLE plain (id int)", f"SELECT pg_drop_replication_slot('{name}')")
    lab.run("UPDATE item SET name = 'unseen' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    found = told(lab.sync())
    assert found["plain"][0] == "full"
    assert "neaptide track" in found["item"][2]
    assert name in found["item"][2]
    lab.track()
    assert synced(lab)["item"] == ("full", 99, following.UNCOVERED)
    lab.run(f"ALTER PUBLICATION {name} DROP TABLE item", "DELETE FROM item WHERE id = 3")
    assert "is not in the publication" in told(lab.sync())["item"][2]
    lab.track()
    assert synced(lab)["item"] == ("full", 98, following.ANEW)
    lab.run(f"ALTER PUBLICATION {name} SET (publish = 'insert')", "DELETE FROM item WHERE id = 4")
    assert "does not tell all" in told(lab.sync())["item"][2]
    lab.track()
    assert synced(lab)["item"][0] == "full"
    lab.run("DELETE FROM item WHERE id = 5")
    assert synced(lab)["item"][0] == "delta"
    lab.run(f"DROP PUBLICATION {name}", f"CREATE PUBLICATION {name} FOR ALL TABLES", "DELETE FROM item WHERE id = 6")
    assert "is not in the publication" in told(lab.sync())["item"][2]
    lab.track()
    assert synced(lab)["item"] == ("full", 95, following.ANEW)


@pytest.mark.long
def test_a_table_that_lost_its_key_is_told_of_while_it_is_published(lab: Lab) -> None:
    lab.specs = [*lab.specs, {"name": "public.second"}]
    lab.run("CREATE TABLE second (id int PRIMARY KEY)")
    lab.track()
    lab.run("ALTER TABLE second DROP CONSTRAINT second_pkey")
    assert "neaptide track" in " ".join(lab.sync().warnings)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        lab.run("UPDATE second SET id = 2")
    lab.track()
    lab.run("UPDATE second SET id = 2")
    run = lab.sync()
    lab.assert_equal()
    assert not run.warnings


@pytest.mark.long
def test_a_slot_that_tells_of_transactions_before_they_are_committed_is_made_anew(lab: Lab) -> None:
    with lab.connect() as conn:
        if conn.info.server_version < 140000:
            pytest.skip("there are no such slots yet")
    name = lab.job.files.slot
    lab.run(
        f"SELECT pg_drop_replication_slot('{name}')",
        f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput', false, true)",
    )
    with pytest.raises(errors.NotTracked, match="of another kind"):
        lab.sync()
    lab.track()
    assert synced(lab)["item"] == ("full", 100, following.UNCOVERED)


@pytest.mark.long
@pytest.mark.parametrize("how", ["TABLE item", "publish"])
def test_who_writes_while_a_publication_does_not_tell_is_waited_for(lab: Lab, how: str) -> None:
    """Whoever alters it by hand locks no table: a copy does not see what such a writer commits afterwards."""
    name = lab.job.files.slot
    without, again = (f"DROP {how}", f"ADD {how}")
    if how == "publish":
        without, again = (f"SET (publish = '{kinds}')" for kinds in ("insert", "insert, update, delete, truncate"))
    lab.run("CREATE TABLE plain (id int)", f"ALTER PUBLICATION {name} {without}")
    with lab.connect(autocommit=False) as late, lab.connect(autocommit=False) as elsewhere:
        late.execute("UPDATE item SET name = 'late' WHERE id = 2")
        elsewhere.execute("INSERT INTO plain VALUES (1)")
        lab.run(f"ALTER PUBLICATION {name} {again}")
        assert [synced(lab)["item"] for _ in range(2)] == [("full", 100, following.ANEW)] * 2
        late.commit()
        # Who has written elsewhere holds nothing up.
        for row, action in enumerate(("full", "delta", "delta"), 3):
            lab.run(f"UPDATE item SET name = 'then' WHERE id = {row}")
            assert synced(lab)["item"][0] == action


def test_a_slot_that_somebody_else_moved_on_loses_nothing(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'taken away' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    lab.run(f"SELECT pg_replication_slot_advance('{lab.job.files.slot}', pg_current_wal_lsn())")
    assert synced(lab)["item"] == ("full", 99, following.UNCOVERED)
    lab.run("UPDATE item SET name = 'again' WHERE id = 1")
    assert synced(lab)["item"][0] == "delta"


def test_a_stream_that_fails_twice_at_one_place_has_its_slot_made_anew(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: object) -> None:
        raise psycopg.errors.InternalError_("could not map filenumber") from None

    lab.specs = [*lab.specs, {"name": "public.plain", "watermark": "none"}]
    lab.run("CREATE TABLE plain (id int)", "UPDATE item SET name = 'unread' WHERE id = 1")
    monkeypatch.setattr(psycopg.errors.InternalError_, "sqlstate", "XX000")
    with monkeypatch.context() as failing:
        failing.setattr(stream.Stream, "take", ends)
        for _ in range(2):
            found = told(lab.sync())
            assert "filenumber" in found["item"][2]
            assert found["plain"][2] == "" or found["plain"][0] == "full"
    assert synced(lab)["item"] == ("full", 100, following.UNCOVERED)
    lab.run("UPDATE item SET name = 'read' WHERE id = 1")
    assert synced(lab)["item"][0] == "delta"


def test_a_role_that_may_not_replicate_and_a_reader_from_elsewhere(lab: Lab) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    lab.run(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"GRANT SELECT ON item TO {role}",
        "CREATE TABLE plain (id int)",
        f"GRANT SELECT ON plain TO {role}",
    )
    parts = conninfo.conninfo_to_dict(lab.url)
    url = f"postgresql://{role}:x@{parts['host']}:{parts['port']}/{parts['dbname']}"
    both = [*lab.specs, {"name": "public.plain", "watermark": "none"}]
    lab.run("UPDATE item SET name = 'unread' WHERE id = 1")
    found = told(replace(lab, url=url, specs=both).sync())
    assert found["plain"][0] == "full"
    assert "REPLICATION" in found["item"][2]
    lab.run(f"ALTER ROLE {role} REPLICATION")
    assert synced(lab)["item"][0] == "delta"
    lab.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.long
def test_a_run_takes_the_slot_over_from_the_daemon_and_gives_it_back(lab: Lab) -> None:
    kept = replace(lab, keep=OpenSessions())
    try:
        for turn in range(3):
            lab.run(f"UPDATE item SET name = 'kept {turn}' WHERE id = {turn + 1}")
            assert synced(kept)["item"][0] == "delta"
            assert slot(lab)["active"]
            lab.run(
                f"UPDATE item SET name = 'alone {turn}' WHERE id = {turn + 2}",
                f"DELETE FROM item WHERE id = {90 + turn}",
            )
            assert synced(lab)["item"][0] == "delta"
    finally:
        assert kept.keep
        kept.keep.close()


def test_a_server_that_stops_waits_for_no_file(lab: Lab, postgres: Cluster) -> None:
    """It waits for its log to be received, and would wait for it to be confirmed, which takes both files."""
    kept = replace(lab, keep=OpenSessions())
    assert kept.keep
    lab.run("UPDATE item SET name = 'not in both' WHERE id = 1")
    synced(kept)
    stop = threading.Event()
    listening = threading.Thread(target=_listen, args=(kept.keep, stop))
    listening.start()
    began = time.monotonic()
    postgres.server.stop()
    took = time.monotonic() - began
    stop.set()
    listening.join()
    postgres.server.start()
    kept.keep.close()
    assert took < 30
    lab.url = postgres.url(lab.url.rsplit("/", 1)[1])
    lab.run("UPDATE item SET name = 'after it' WHERE id = 2")
    assert synced(lab)["item"][0] == "delta"


def _listen(keep: OpenSessions, stop: threading.Event) -> None:
    with suppress(psycopg.Error):
        while not stop.wait(0.02):
            keep.log.take()
