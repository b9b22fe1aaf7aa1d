"""Which daemon leads: one stands by, takes over, and publishes nothing without the lock."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

import psycopg
import pytest

from app import errors
from jobs.daemon import lead
from jobs.daemon.service import Service
from jobs.status import board, report
from jobs.status.board import Board
from tests.support import daemonlab
from tests.support.daemonlab import first_run, left_behind, rows
from tests.support.daemons import running, wait_until, write_config
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of ten rows."""
    return daemonlab.made(empty_db, tmp_path / "with space")


def test_a_second_daemon_stands_by_and_takes_over_when_the_first_is_killed(lab: Lab) -> None:
    config = write_config(lab)
    with running(config) as first:
        first_run(first)
        with running(config) as second:
            second.saw("standby")
            lab.run("INSERT INTO item VALUES (11, 'by the first')")
            wait_until(lambda: rows(lab) == 11)
            assert not second.records("run_done")
            first.process.kill()
            second.saw("leading")
            lab.run("INSERT INTO item VALUES (12, 'by the second')")
            wait_until(lambda: rows(lab) == 12)


@pytest.mark.long
def test_a_daemon_on_another_machine_with_the_same_target_stands_by_too(lab: Lab, tmp_path: Path) -> None:
    """Another machine sees the target's id on shared storage, but not the lock: here the id is copied."""
    with running(write_config(lab)) as first:
        first_run(first)
        elsewhere = Lab(lab.url, tmp_path / "elsewhere", lab.specs)
        config = write_config(elsewhere)
        lock = "reporting.duckdb.daemon.lock"
        (elsewhere.folder / lock).write_text((lab.folder / lock).read_text())
        with running(config) as second:
            second.saw("standby")
            first.process.kill()
            second.saw("leading")


@pytest.mark.long
def test_a_daemon_that_stood_still_while_another_took_over_publishes_nothing(lab: Lab) -> None:
    """It stops right before it would publish; its session ends as that of a machine that froze, and the local locks
    are out of reach for the other, as on another machine."""
    config = write_config(lab)
    with running(config, NEAPTIDE_FAULT="after_checkpoint:2:STOP") as first:
        first_run(first)
        lab.run("INSERT INTO item VALUES (11, 'for the first')")
        stat = Path(f"/proc/{first.process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        lab.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'neaptide daemon%'")
        target_id = (lab.folder / "reporting.duckdb.daemon.lock").read_text()
        for lock in ("reporting.duckdb.daemon.lock", "reporting.duckdb.lock"):
            (lab.folder / lock).unlink()
        (lab.folder / "reporting.duckdb.daemon.lock").write_text(target_id)
        with running(config) as second:
            first_run(second)
            lab.run("INSERT INTO item VALUES (12, 'for the second')")
            wait_until(lambda: rows(lab) == 12)
            published = (lab.folder / "reporting.duckdb").resolve().stat()
            first.signal(signal.SIGCONT)
            assert "nothing is published" in first.saw("run_failed")["event"]
            first.saw("standby")
            now = (lab.folder / "reporting.duckdb").resolve().stat()
            assert (now.st_ino, now.st_mtime_ns) == (published.st_ino, published.st_mtime_ns)
            lab.run("INSERT INTO item VALUES (13, 'for the second')")
            wait_until(lambda: rows(lab) == 13)


def test_a_run_asks_for_the_lock_itself_before_it_publishes(lab: Lab) -> None:
    """After a stand-still it may come to that before the thread that watches has noticed anything."""
    lab.folder.mkdir(parents=True)
    leader = Service(lab.job, Board(state=board.STANDBY)).leader
    with lead.source_lock(lab.job, "id", give_up, refuse, set()) as conn:
        leader._lock = conn
        leader._leading.set()
        leader.must_lead()
        lab.run(f"SELECT pg_terminate_backend({conn.backend})")
        with pytest.raises(errors.SourceUnavailable, match="nothing is published"):
            leader.must_lead()


def lead_key(lab: Lab) -> int:
    """The advisory lock of the lab's target."""
    return lead.key((lab.folder / "reporting.duckdb.daemon.lock").read_text())


def test_a_stranger_who_holds_the_lock_is_named_and_complained_of(lab: Lab) -> None:
    """Any role that may log in can take an advisory lock, whose key everybody sees in pg_locks."""
    role = f"mallory_{secrets.token_hex(4)}"
    lab.run(f"CREATE ROLE {role} LOGIN PASSWORD 'm'")
    config = write_config(lab)
    (lab.folder / "reporting.duckdb.daemon.lock").write_text(secrets.token_hex(16))
    with psycopg.connect(lab.url, user=role, password="m", application_name="psql", autocommit=True) as mallory:
        mallory.execute("SELECT pg_advisory_lock_shared(%s)", [lead_key(lab)])
        with running(config) as daemon:
            told = daemon.saw("lead_taken")
            for part in (f"process {mallory.info.backend_pid} ", f"role '{role}' ", "(psql from 127.0.0.1)"):
                assert part in told["event"]
            assert f"pg_terminate_backend({mallory.info.backend_pid})" in told["hint"]
            wait_until(lambda: left_behind(lab)["problems"])
            assert report.read_status(lab.job).problems[-1] == told["event"]
            mallory.execute("SELECT pg_advisory_unlock_all()")
            first_run(daemon)
            assert left_behind(lab)["problems"] == []
            assert len(daemon.records("lead_taken")) == 1
    lab.run(f"DROP ROLE {role}")


def test_a_daemon_does_not_stand_by_for_a_session_of_its_own(lab: Lab) -> None:
    """The server may notice later than the daemon that a connection broke."""
    with lab.connect() as ghost:
        ghost.execute("SELECT pg_advisory_lock(%s)", [lead.key("id")])
        with (
            pytest.raises(lead.GaveUp),
            lead.source_lock(lab.job, "id", give_up, refuse, {ghost.info.backend_pid}),
        ):
            pass
        with (
            pytest.raises(AssertionError, match="is no daemon"),
            lead.source_lock(lab.job, "id", give_up, refuse, set()),
        ):
            pass


def give_up(_: float) -> bool:
    return True


def refuse(holder: lead.Holder) -> None:
    raise AssertionError(holder.complaint)


@pytest.mark.long
def test_copies_of_their_own_have_daemons_of_their_own(lab: Lab, tmp_path: Path) -> None:
    elsewhere = Lab(lab.url, tmp_path / "elsewhere", lab.specs)
    with running(write_config(lab)) as first, running(write_config(elsewhere)) as second:
        first_run(first)
        first_run(second)
