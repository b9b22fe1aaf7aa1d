"""PostgreSQL is restarted, and killed with what it had not written to the disk yet."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from app import errors
from app.oltp.embedded.server import EmbeddedServer
from jobs.verify import verify
from tests.support import daemons, servers
from tests.support.othersource import item_lab
from tests.support.servers import ask
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_feed

ROUNDS = int(os.environ.get("NEAPTIDE_CRASHES", "4"))
# Far longer than a run that does not wait for the WAL writer.
LAZY = {"wal_writer_delay": "3s"}


@pytest.fixture
def server(open_folder: Path, request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server; the test may ask for one that writes its log to the disk as late as it can."""
    with servers.primary(open_folder / "server", getattr(request, "param", None)) as found:
        yield found


@pytest.fixture
def lab(server: EmbeddedServer, tmp_path: Path) -> Lab:
    """A synced table on it."""
    found = item_lab(server.url(), tmp_path)
    found.sync()
    return found


lazily = pytest.mark.parametrize("server", [LAZY], indirect=True, ids=["lazy"])


def crash(server: EmbeddedServer) -> None:
    servers.crash(server)
    server.start()


def wait_for_the_wal_writer(lab: Lab) -> None:
    """Return just after it was at work: it will rest now."""
    with lab.connect() as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute("UPDATE item SET note = 'asynchronous' WHERE id = 10")
        end = conn.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert end is not None
        servers.until(lambda: ask(lab.url, f"SELECT pg_current_wal_flush_lsn() >= '{end[0]}'"), "the log is flushed")


@pytest.mark.long
@lazily
def test_a_commit_that_a_crash_takes_back_is_not_in_the_file(lab: Lab, server: EmbeddedServer) -> None:
    wait_for_the_wal_writer(lab)
    with lab.connect() as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute("INSERT INTO item VALUES (11, 'asynchronous')")
        lab.sync()
        crash(server)
    lab.run("INSERT INTO item VALUES (12, 'after the crash')")
    lab.sync()
    lab.assert_equal()


@pytest.mark.long
@lazily
@pytest.mark.parametrize("mode", ["updated_at", "xid"])
def test_a_transaction_id_that_is_given_out_again_after_a_crash_is_not_taken_for_read(
    server: EmbeddedServer, tmp_path: Path, mode: str
) -> None:
    lab = item_lab(server.url(), tmp_path, mode)
    lab.sync()
    wait_for_the_wal_writer(lab)
    lab.run("INSERT INTO item VALUES (11, 'something to sync')")
    with lab.connect(autocommit=False) as conn:
        for _ in range(3):
            conn.execute("INSERT INTO item VALUES (12, 'rolled back')")
            conn.rollback()
    lab.sync()
    crash(server)
    for keys in ((20, 21, 22), (23, 24)):
        for key in keys:
            lab.run(f"INSERT INTO item VALUES ({key}, 'after the crash')")
        lab.sync()
        lab.assert_equal()


@pytest.mark.long
@lazily
def test_a_transaction_id_that_a_quiet_run_saw_and_a_crash_took_back_is_not_taken_for_read(
    lab: Lab, server: EmbeddedServer
) -> None:
    wait_for_the_wal_writer(lab)
    lab.sync()
    with lab.connect(autocommit=False) as conn:
        for _ in range(5):
            conn.execute("INSERT INTO item VALUES (12, 'rolled back')")
            conn.rollback()
    assert not lab.sync().changed
    crash(server)
    lab.run("INSERT INTO item VALUES (20, 'after the crash')")
    # Beyond all that was seen before: nothing tells any more that the server was set back.
    lab.run("CREATE TABLE elsewhere (id int)", *["INSERT INTO elsewhere SELECT generate_series(1, 1000)"] * 5)
    lab.sync()
    lab.assert_equal()


def test_the_wait_for_the_disk_ends_though_a_transaction_that_still_runs_stays_in_memory(
    lab: Lab, server: EmbeddedServer
) -> None:
    lab.run("INSERT INTO item VALUES (11, 'something to sync')")
    with lab.connect(autocommit=False) as conn:
        conn.execute("INSERT INTO item VALUES (12, 'running')")
        lab.sync()
        lab.assert_equal()
        crash(server)
        with pytest.raises(psycopg.OperationalError):
            conn.commit()
    lab.run("INSERT INTO item VALUES (13, 'after the crash')")
    lab.sync()
    lab.assert_equal()


@pytest.mark.long
def test_restarts_between_and_during_runs_lose_nothing(open_folder: Path, tmp_path: Path) -> None:
    with servers.primary(open_folder / "server") as server:
        lab = item_lab(server.url(), tmp_path)
        lab.sync()
        stop, written = threading.Event(), list[int]()
        writing = threading.Thread(target=_write, args=(lab, stop, written))
        writing.start()
        try:
            for turn in range(ROUNDS):
                syncing = threading.Thread(target=_sync, args=(lab,))
                syncing.start()
                crash(server) if turn % 2 else _restart(server)
                syncing.join()
                _sync(lab)
            servers.until(lambda: len(written) > 20, "the writer has written")
        finally:
            stop.set()
            writing.join()
        lab.sync()
        lab.assert_equal()
        assert len(lab.file_rows("public.item")) > 10
        assert verify.verify(lab.job).equal


def _restart(server: EmbeddedServer) -> None:
    server.stop()
    server.start()


def _write(lab: Lab, stop: threading.Event, written: list[int]) -> None:
    """Insert, change and delete until told to stop, whatever the server does; notes the keys."""
    key = 100
    while not stop.is_set():
        try:
            with lab.connect() as conn:
                while not stop.is_set():
                    key += 1
                    conn.execute("INSERT INTO item VALUES (%s, 'new')", [key])
                    conn.execute("UPDATE item SET name = 'changed' WHERE id = %s", [key - 3])
                    conn.execute("DELETE FROM item WHERE id = %s", [key - 7 - key % 5])
                    written.append(key)
        except psycopg.OperationalError:
            stop.wait(0.02)


def _sync(lab: Lab) -> None:
    """One run, which may meet a server that is down."""
    with suppress(errors.Retryable):
        lab.sync()


@pytest.mark.long
def test_a_daemon_goes_on_once_a_killed_server_is_back(lab: Lab, server: EmbeddedServer) -> None:
    with daemons.running(daemons.write_config(lab)) as daemon:
        daemon.saw("run_done")
        crash(server)
        daemon.saw("source_unreachable")
        daemon.saw("recovered")
        for key in (20, 21):
            lab.run(f"INSERT INTO item VALUES ({key}, 'after the crash')")
            daemons.wait_until(lambda: lab.file_rows("public.item") == lab.source_rows("public.item"))


@pytest.mark.stamps
def test_a_crash_of_one_backend_empties_an_unlogged_table_in_the_file_too(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """The postmaster goes on, so its start time says nothing; the table is emptied without a trigger."""
    lab = Lab(server.url(), tmp_path, [{"name": "public.scratch"}])
    lab.run("CREATE UNLOGGED TABLE public.scratch (id int PRIMARY KEY)", "INSERT INTO scratch VALUES (1), (2)")
    lab.track()
    lab.sync()
    with lab.connect() as conn:
        os.kill(conn.info.backend_pid, signal.SIGKILL)
    # The postmaster may not have noticed yet: until then the rows are there.
    servers.until(lambda: _rows(lab) == 0, "the server has recovered")
    lab.run("INSERT INTO scratch VALUES (3)")
    lab.sync()
    lab.assert_equal()


def _rows(lab: Lab) -> int | None:
    """None while the server doesn't answer."""
    try:
        found: int = ask(lab.url, "SELECT count(*) FROM scratch")
    except psycopg.OperationalError:
        return None
    return found
