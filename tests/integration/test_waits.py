"""A command that waits says for what, and a server that hangs is told from one that works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from app.face import waits
from app.face.base import Face
from jobs.source import pulse
from jobs.source.connection import Source
from jobs.targets.file import lock
from tests.support import cluster, daemonlab, servers
from tests.support.daemonlab import first_run, left_behind, rows
from tests.support.daemons import PATIENCE, ROOT, running, wait_until, write_config
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table without rows."""
    return daemonlab.empty(empty_db, tmp_path)


@contextmanager
def standing_still(server: cluster.Cluster) -> Iterator[None]:
    """Neither the server nor any of its sessions does anything meanwhile, and no socket closes."""
    try:
        send(server, signal.SIGSTOP)
        yield
    finally:
        send(server, signal.SIGCONT)


def send(server: cluster.Cluster, number: signal.Signals) -> None:
    pid = server.server.status().pid
    assert pid is not None
    servers.signal_all(pid, number)


@contextmanager
def syncing(config: Path, folder: Path) -> Iterator[Path]:
    """`neaptide sync` in a process of its own; yields the file that it writes its stderr to."""
    said = folder / "said"
    command = [sys.executable, "-c", "from app.cli import main; main()", "--config", str(config), "sync"]
    patient = {**os.environ, "NEAPTIDE_SOURCE__CONNECT_TIMEOUT": "5m"}
    with said.open("w") as err, subprocess.Popen(command, cwd=ROOT, stderr=err, stdout=err, env=patient) as process:
        try:
            yield said
            assert process.wait(PATIENCE) == 0, said.read_text()
        finally:
            process.kill()


@pytest.mark.long
def test_a_server_that_hangs_ends_the_lead_is_told_and_is_found_back(lab: Lab, postgres: cluster.Cluster) -> None:
    with running(write_config(lab)) as daemon:
        first_run(daemon)
        with standing_still(postgres):
            assert "does not answer" in daemon.saw("source_unreachable", patience=PATIENCE)["event"]
            wait_until(lambda: left_behind(lab)["state"] == "waiting", PATIENCE)
            assert left_behind(lab)["failures_in_a_row"]
        daemon.saw("leading", times=2)
        assert not daemon.records("standby")
        lab.run("INSERT INTO item VALUES (1)")
        wait_until(lambda: rows(lab) == 1)


@pytest.mark.long
def test_a_sync_says_that_the_source_does_not_answer(lab: Lab, postgres: cluster.Cluster, tmp_path: Path) -> None:
    config = write_config(lab)
    with standing_still(postgres):
        assert not Source.of(lab.job).answers(0.2)
        with syncing(config, tmp_path) as said:
            wait_until(lambda: "PostgreSQL, which does not answer" in said.read_text(), PATIENCE)
            send(postgres, signal.SIGCONT)
    assert Source.of(lab.job).answers(PATIENCE)


def test_a_sync_says_which_other_run_it_waits_for(lab: Lab, tmp_path: Path) -> None:
    config = write_config(lab)
    holder = (
        "import sys, time; from pathlib import Path\n"
        "from jobs.targets.file import lock; from jobs.beside.names import Names\n"
        "with lock.locked(Names(Path(sys.argv[1]))):\n    print('held', flush=True); sys.stdin.read()"
    )
    target = str(lab.folder / "reporting.duckdb")
    command = [sys.executable, "-c", holder, target]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with syncing(config, tmp_path) as said:
            wait_until(lambda: f"another run to end (process {other.pid} since" in said.read_text(), PATIENCE)
            other.communicate()


def test_nothing_is_said_of_ones_own_run(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert waits._reason(lab.job) == ""
    with lock.locked(lab.job.files), waits.shown(Face().say, lab.job):
        assert waits._reason(lab.job) == ""
    assert capsys.readouterr().err == ""


def test_a_refusal_is_an_answer(lab: Lab) -> None:
    assert pulse.answers("host=127.0.0.1 port=1", PATIENCE)
    assert pulse.answers(make_conninfo(lab.url, password="wrong"), PATIENCE)
