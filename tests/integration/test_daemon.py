"""The daemon as it runs: real processes, real signals, a real PostgreSQL."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.support import daemonlab, daemons
from tests.support.daemonlab import first_run, has_table, left_behind, rows
from tests.support.daemons import running, wait_until, write_config
from tests.support.syncing import Lab

# A run that meets a lock waits for it far longer than a test for the daemon.
WAITS_LONG = {"NEAPTIDE_SOURCE__LOCK_TIMEOUT": "1h"}


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of ten rows."""
    return daemonlab.made(empty_db, tmp_path / "with space")


def test_a_commit_is_in_the_file_long_before_the_next_scheduled_run(lab: Lab) -> None:
    with running(write_config(lab, every="1h")) as daemon:
        first_run(daemon)
        lab.run("INSERT INTO item VALUES (11, 'new')")
        wait_until(lambda: rows(lab) == 11)
        lab.run("DELETE FROM item WHERE id = 1")
        wait_until(lambda: rows(lab) == 10)
        lab.assert_equal()


@pytest.mark.long
def test_a_burst_of_commits_is_bundled(lab: Lab) -> None:
    with running(write_config(lab, every="1h", schedule='min_interval = "1s"')) as daemon:
        first_run(daemon)
        began = time.monotonic()
        with lab.connect() as conn:
            for key in range(100, 160):
                conn.execute("INSERT INTO item VALUES (%s, 'burst')", [key])
                time.sleep(0.02)
        wait_until(lambda: rows(lab) == 70)
        # One a second, however long the machine took for the burst; the first run and the two at the ends on top.
        runs = len([r for r in daemon.records("run_done") if r["changed"]])
        assert runs <= 3 + (time.monotonic() - began)


def test_without_wake_ups_the_schedule_alone_brings_every_change(lab: Lab) -> None:
    with running(write_config(lab, every="300ms", schedule="wake_on_commit = false")) as daemon:
        first_run(daemon)
        lab.run("INSERT INTO item VALUES (11, 'new')")
        wait_until(lambda: rows(lab) == 11)
        daemon.saw("run_done", times=4)


@pytest.mark.long
def test_sigterm_lets_go_of_a_run_that_waits_and_ends_without_it(lab: Lab) -> None:
    with running(write_config(lab), **WAITS_LONG) as daemon:
        first_run(daemon)
        before = (lab.folder / "reporting.duckdb").resolve().stat()
        with lab.connect(autocommit=False) as locker:
            locker.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
            lab_config = write_config(lab, every="200ms", schedule="wake_on_commit = false")
            assert lab_config.exists()
            daemon.signal(signal.SIGHUP)
            daemon.saw("reloaded")
            wait_until(lambda: waits_for_lock(lab))
            daemon.signal(signal.SIGTERM)
            assert daemon.end() == 0
        after = (lab.folder / "reporting.duckdb").resolve().stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        lab.sync()
        lab.assert_equal()


def waits_for_lock(lab: Lab) -> bool:
    with lab.connect() as conn:
        row = conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return bool(row and row[0])


def test_an_idle_daemon_ends_at_once_and_leaves_nothing_locked(lab: Lab) -> None:
    with running(write_config(lab)) as daemon:
        first_run(daemon)
        daemon.signal(signal.SIGINT)
        assert daemon.end() == 0
        assert daemon.records("stopped")
    assert not lab.sync(wait=False).changed
    assert left_behind(lab)["state"] == "stopping"


def test_a_second_signal_ends_it_at_once(lab: Lab) -> None:
    with running(write_config(lab), **WAITS_LONG) as daemon, lab.connect(autocommit=False) as locker:
        first_run(daemon)
        locker.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        write_config(lab, every="200ms", schedule="wake_on_commit = false")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: waits_for_lock(lab))
        # Two of a kind may arrive as one; of two kinds either may be the first.
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGINT)
        assert daemon.end() in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        assert "a second signal" in daemon.saw("stopped_hard")["event"]


def test_sighup_refuses_a_bad_config_and_takes_up_a_good_one(lab: Lab) -> None:
    config = write_config(lab)
    with running(config) as daemon:
        first_run(daemon)
        config.write_text(config.read_text() + '\n[schedule2]\nevery = "x"\n')
        daemon.signal(signal.SIGHUP)
        assert "unknown key" in daemon.saw("config_refused")["event"]
        lab.run("INSERT INTO item VALUES (11, 'still served')")
        wait_until(lambda: rows(lab) == 11)
        lab.run(
            "CREATE TABLE public.other (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        lab.specs.append({"name": "public.other"})
        lab.track()
        write_config(lab)
        daemon.signal(signal.SIGHUP)
        daemon.saw("reloaded")
        wait_until(lambda: has_table(lab, "other"))
        assert lab.file_rows("public.other") == []


def test_a_lost_connection_is_taken_up_again(lab: Lab) -> None:
    with running(write_config(lab)) as daemon:
        first_run(daemon)
        lab.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'neaptide%'")
        daemon.saw("leading", times=2)
        lab.run("INSERT INTO item VALUES (11, 'after')")
        wait_until(lambda: rows(lab) == 11)


@pytest.mark.long
def test_a_table_that_somebody_holds_costs_neither_the_lead_nor_a_wake_up(lab: Lab) -> None:
    lab.run("CREATE TABLE other (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())")
    lab.specs.append({"name": "public.other"})
    lab.track()
    with running(write_config(lab), NEAPTIDE_SOURCE__LOCK_TIMEOUT="100ms") as daemon:
        first_run(daemon)
        with lab.connect(autocommit=False) as locker:
            locker.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
            lab.run("INSERT INTO other VALUES (1)")
            wait_until(lambda: waits_for_lock(lab))
            # The look gave up.
            wait_until(lambda: not waits_for_lock(lab))
            locker.rollback()
        wait_until(lambda: other_rows(lab) == 1)
        assert not daemon.records("source_unreachable")
        assert len(daemon.records("leading")) == 1


def other_rows(lab: Lab) -> int:
    return len(lab.file_rows("public.other"))


@pytest.mark.long
def test_failures_are_told_once_with_pauses_and_so_is_the_end_of_them(lab: Lab) -> None:
    with running(write_config(lab, every="200ms")) as daemon:
        first_run(daemon)
        began = time.monotonic()
        lab.run("ALTER TABLE item RENAME TO gone")
        assert "public.item" in daemon.saw("run_failed")["event"]
        wait_until(lambda: left_behind(lab)["failures_in_a_row"] >= 2)
        assert len(daemon.records("run_failed")) == 1
        lab.run("ALTER TABLE gone RENAME TO item")
        over = daemon.saw("recovered")
        # Pauses of 1, 2, 4, … seconds lie between them.
        assert over["failures"] >= 2
        assert 2 ** (over["failures"] - 1) - 1 <= time.monotonic() - began
        lab.run("INSERT INTO item VALUES (11, 'after')")
        wait_until(lambda: rows(lab) == 11)


@pytest.mark.long
def test_commits_do_not_bring_a_failing_run_forward(lab: Lab) -> None:
    """Pauses of 1, 2, 4, … seconds lie between failures, however much is committed meanwhile."""
    with running(write_config(lab)) as daemon:
        first_run(daemon)
        # Where the next version is to be written, nothing can be.
        (lab.job.files.work / "in the way").mkdir(parents=True)
        began = time.monotonic()
        with lab.connect() as conn:
            for key in range(100, 200):
                conn.execute("INSERT INTO item VALUES (%s, 'noise')", [key])
                time.sleep(0.02)
        wait_until(lambda: left_behind(lab)["failures_in_a_row"] >= 2)
        failures = left_behind(lab)["failures_in_a_row"]
        assert 2 ** (failures - 1) - 1 <= time.monotonic() - began


def test_a_source_that_is_away_at_start_is_waited_for(lab: Lab) -> None:
    with socket.socket() as silent:
        # Bound, so that nobody else takes the port, but it does not listen.
        silent.bind(("127.0.0.1", 0))
        place = f"@127.0.0.1:{silent.getsockname()[1]}/"
        away = Lab(lab.url.rsplit("@", 1)[0] + place + lab.url.rsplit("/", 1)[1], lab.folder, lab.specs)
        waited_for(away, lab)


def waited_for(away: Lab, lab: Lab) -> None:
    with running(write_config(away)) as daemon:
        assert "can't be reached" in daemon.saw("source_unreachable")["event"]
        password = lab.url.split(":")[2].split("@")[0]
        assert password not in "".join(daemon.lines)
        write_config(lab)
        daemon.signal(signal.SIGHUP)
        first_run(daemon)


def test_the_service_manager_hears_when_it_is_ready_alive_and_ending(lab: Lab, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(daemons.PATIENCE)
        with running(write_config(lab), NOTIFY_SOCKET=address, WATCHDOG_USEC="400000") as daemon:
            heard = [manager.recv(4096).decode() for _ in range(4)]
            assert "READY=1" in heard[0]
            assert all("WATCHDOG=1" in message for message in heard[1:])
            daemon.signal(signal.SIGTERM)
            while "STOPPING=1" not in manager.recv(4096).decode():
                pass
            assert daemon.end() == 0


def test_a_config_that_is_wrong_from_the_start_ends_it_with_2(lab: Lab) -> None:
    config = write_config(lab, schedule='cron = "* * * * *"')
    with running(config) as daemon:
        assert daemon.end() == 2
        assert "either every or cron" in "".join(daemon.lines)
    assert [path.name for path in lab.folder.iterdir()] == ["config.toml"]
