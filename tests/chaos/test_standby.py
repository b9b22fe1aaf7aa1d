"""A real hot standby as the source: it lags, is promoted, is restarted, cancels the run's snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import errors
from app.oltp.embedded.server import EmbeddedServer
from jobs import faults
from jobs.tracking import install
from jobs.verify import verify
from tests.support import servers, standbys
from tests.support.othersource import ITEM, WAYS, assert_goes_on, assert_refused, at, item_lab, prints
from tests.support.servers import ask
from tests.support.standbys import Pair
from tests.support.syncing import Lab


@pytest.fixture(scope="module")
def servers_of_all() -> Iterator[Pair]:
    """One pair for the tests that do it no harm."""
    with standbys.running() as found:
        yield found


@pytest.fixture
def pair(servers_of_all: Pair) -> Iterator[Pair]:
    """The pair with a new database."""
    with standbys.database(servers_of_all) as found:
        yield found


@pytest.fixture
def labs(pair: Pair, tmp_path: Path) -> tuple[Lab, Lab]:
    """Two labs of one target in xid mode: the first writes on the primary, the second syncs from the standby."""
    writer = item_lab(pair.urls[0], tmp_path, "xid")
    pair.caught_up()
    return writer, at(writer, pair.urls[1])


def clock(lab: Lab) -> Any:
    return ask(lab.url, "SELECT clock_timestamp()")


def test_a_lagging_standby_is_copied_as_far_as_it_has_come_and_says_so(pair: Pair, labs: tuple[Lab, Lab]) -> None:
    writer, lab = labs
    lab.sync()
    with pair.paused():
        before = clock(writer)
        writer.run("INSERT INTO item VALUES (11, 'not replayed yet')", "DELETE FROM item WHERE id = 1")
        run = lab.sync()
        assert not run.changed
        assert run.as_of <= before
        lab.assert_equal()
    pair.caught_up()
    run = lab.sync()
    assert run.changed
    lab.assert_equal()
    assert lab.file_rows("public.item") == writer.source_rows("public.item")
    assert verify.verify(lab.job).equal


def test_rows_of_transactions_that_ran_at_the_snapshot_are_read_when_they_commit(
    pair: Pair, labs: tuple[Lab, Lab]
) -> None:
    """A standby's snapshot has no list of them: everything from the oldest one on is read again."""
    writer, lab = labs
    with writer.connect(autocommit=False) as slow, writer.connect(autocommit=False) as prepared:
        slow.execute("INSERT INTO item VALUES (20, 'slow')")
        slow.execute("SAVEPOINT s")
        slow.execute("UPDATE item SET name = 'slow' WHERE id = 1")
        slow.execute("DELETE FROM item WHERE id = 2")
        prepared.execute("INSERT INTO item VALUES (21, 'prepared')")
        prepared.execute("PREPARE TRANSACTION 'standby'")
        for turn in range(3):
            writer.run(f"INSERT INTO item VALUES ({30 + turn}, 'overtakes')")
            pair.caught_up()
            assert lab.sync().changed
            lab.assert_equal()
            # What is read again is not new: the daemon would write a file each time while one transaction lasts.
            assert not lab.sync().changed
        slow.commit()
        pair.caught_up()
        lab.sync()
        lab.assert_equal()
    writer.run("COMMIT PREPARED 'standby'")
    pair.caught_up()
    lab.sync()
    lab.assert_equal()
    assert len(lab.file_rows("public.item")) == 14


def test_a_tombstone_that_is_read_again_spares_the_row_that_came_after_it(pair: Pair, labs: tuple[Lab, Lab]) -> None:
    writer, lab = labs
    writer.run("CREATE TABLE public.other (id int)")
    with writer.connect(autocommit=False) as slow:
        slow.execute("INSERT INTO public.other VALUES (1)")  # keeps the watermark low
        writer.run("DELETE FROM item WHERE id IN (1, 2, 3)", "UPDATE item SET id = 40 WHERE id = 4")
        for change in ("INSERT INTO item VALUES (1, 'again')", "TRUNCATE item", "INSERT INTO item VALUES (2, 'again')"):
            pair.caught_up()
            lab.sync()
            lab.assert_equal()
            writer.run(change)
        for _ in range(2):
            pair.caught_up()
            lab.sync()
            lab.assert_equal()
    assert len(lab.file_rows("public.item")) == 1


def test_the_second_half_of_the_test_is_left_out_also_on_the_primary_after_a_standby(
    pair: Pair, labs: tuple[Lab, Lab]
) -> None:
    """The watermark that the standby gave lists nothing as running: the primary must not take that for finished."""
    writer, lab = labs
    with writer.connect(autocommit=False) as slow:
        slow.execute("INSERT INTO item VALUES (20, 'slow')")
        slow.execute("DELETE FROM item WHERE id = 3")
        writer.run("INSERT INTO item VALUES (21, 'overtakes')")
        pair.caught_up()
        lab.sync()
        slow.commit()
    writer.sync()
    writer.assert_equal()


def test_a_standby_behind_the_primary_that_was_synced_last_is_waited_for(pair: Pair, labs: tuple[Lab, Lab]) -> None:
    writer, lab = labs
    lab.sync()
    with pair.paused():
        writer.run("UPDATE item SET name = 'new' WHERE id = 1", "DELETE FROM item WHERE id = 2")
        writer.sync()
        before = prints(lab.folder)
        with pytest.raises(errors.StandbyBehind, match="has not replayed yet") as caught:
            lab.sync()
        assert "caught up" in (caught.value.hint or "")
        with pytest.raises(errors.StandbyBehind):
            verify.verify(lab.job, repair=True)
        assert prints(lab.folder) == before
    pair.caught_up()
    lab.sync()
    writer.run("INSERT INTO item VALUES (12, 'goes on')")
    pair.caught_up()
    lab.sync()
    lab.assert_equal()


def test_a_standby_behind_is_found_out_also_where_it_has_seen_the_newest_transaction_id(
    pair: Pair, labs: tuple[Lab, Lab]
) -> None:
    """The older transaction commits last: both servers show the same xmax, only the log tells them apart."""
    writer, lab = labs
    with writer.connect(autocommit=False) as slow:
        slow.execute("DELETE FROM item WHERE id = 2")
        writer.run("INSERT INTO item VALUES (11, 'newest id')")
        pair.caught_up()
        with pair.paused():
            slow.commit()
            writer.sync()
            with pytest.raises(errors.StandbyBehind):
                lab.sync()
    pair.caught_up()
    lab.sync()
    lab.assert_equal()


def test_updated_at_is_refused_on_a_standby_and_none_is_not(pair: Pair, tmp_path: Path) -> None:
    writer = item_lab(pair.urls[0], tmp_path)
    pair.caught_up()
    lab = at(writer, pair.urls[1])
    with pytest.raises(errors.NotTracked, match="hot standby") as caught:
        lab.sync()
    assert 'watermark = "xid"' in (caught.value.hint or "")
    assert not (tmp_path / "reporting.duckdb").exists()
    lab.specs[0]["watermark"] = "none"
    for change in ("DELETE FROM item WHERE id = 1", "UPDATE item SET name = 'new' WHERE id = 2"):
        writer.run(change)
        pair.caught_up()
        assert lab.sync().changed
        lab.assert_equal()


def test_track_says_that_it_belongs_on_the_primary(pair: Pair, tmp_path: Path) -> None:
    lab = Lab(pair.urls[1], tmp_path, [{"name": "public.item", "watermark": "xid"}])
    at(lab, pair.urls[0]).run(ITEM)
    pair.caught_up()
    with pytest.raises(errors.NotTracked, match="read-only") as caught:
        install.track(lab.job, [])
    assert "on the primary" in (caught.value.hint or "")


def test_a_snapshot_that_the_standby_cancels_is_no_lasting_fault(
    pair: Pair, labs: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vacuum on the primary removes rows that the run still sees; the standby waits for the run, but not for long."""
    writer, lab = labs
    lab.sync()
    writer.run("UPDATE item SET name = 'new'")
    pair.caught_up()
    original = faults.point

    def cancel(name: str) -> None:
        original(name)
        if name == "snapshot_joined":
            writer.run("DELETE FROM item WHERE id > 5", "VACUUM item")
            query = "SELECT sum(confl_snapshot) FROM pg_stat_database_conflicts WHERE datname = current_database()"
            servers.until(lambda: ask(lab.url, query), "the standby has cancelled the one session of the run")

    _delay(pair.standby, "10ms")
    try:
        monkeypatch.setattr(faults, "point", cancel)
        with pytest.raises(errors.StandbyConflict) as caught:
            lab.sync()
        assert "hot_standby_feedback" in (caught.value.hint or "")
    finally:
        monkeypatch.undo()
        _delay(pair.standby, "30s")
    pair.caught_up()
    lab.sync()
    lab.assert_equal()


def _delay(server: EmbeddedServer, value: str) -> None:
    """How long the standby lets queries hold up the replay."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"ALTER SYSTEM SET max_standby_streaming_delay = '{value}'".encode())
        conn.execute("SELECT pg_reload_conf()")
    servers.until(
        lambda: ask(server.url("postgres"), "SHOW max_standby_streaming_delay") == value, "the setting is known"
    )


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_a_promoted_standby_is_refused_until_told_to_go_on(
    pair: Pair, open_folder: Path, tmp_path: Path, way: str
) -> None:
    with servers.standby(pair.primary, open_folder / "promoted") as promoted:
        pair = Pair(pair.primary, promoted, pair.database)
        writer = item_lab(pair.urls[0], tmp_path, "xid")
        pair.caught_up()
        lab = at(writer, pair.urls[1])
        lab.sync()
        at(writer, promoted.url("postgres")).run("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        servers.until(lambda: not ask(lab.url, "SELECT count(*) FROM pg_stat_wal_receiver"), "nothing streams any more")
        writer.run("INSERT INTO item VALUES (11, 'lost by the failover')")
        writer.sync()
        ask(promoted.url("postgres"), "SELECT pg_promote()")
        assert_refused(lab, "timeline 1, the source is timeline 2")
        assert_goes_on(lab, way)


def test_a_standby_that_has_replayed_no_commit_since_its_start_does_not_pretend_to_be_fresh(
    pair: Pair, open_folder: Path, tmp_path: Path
) -> None:
    with servers.standby(pair.primary, open_folder / "alone") as alone:
        writer = item_lab(pair.urls[0], tmp_path, "xid")
        writer.run("CHECKPOINT")
        servers.caught_up(alone.url(), writer.url)
        at(writer, alone.url("postgres")).run("CHECKPOINT", "ALTER SYSTEM SET primary_conninfo = ''")
        alone.stop()
        before = clock(writer)
        writer.run("INSERT INTO item VALUES (11, 'the standby can not know')")
        alone.start()
        lab = at(writer, alone.url(pair.database))
        assert ask(lab.url, "SELECT pg_last_xact_replay_timestamp()") is None
        assert lab.sync().as_of <= before
        lab.assert_equal()
