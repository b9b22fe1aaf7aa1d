"""Readers of several kinds in loops while runs publish and are killed: no lock, no missing file, no half a run."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from app.reporting import opening
from jobs.job import Job
from jobs.run import sync
from jobs.sessions import OpenSessions
from jobs.targets.file import in_use
from tests.chaos.test_kills import _SPAWN
from tests.support.bank import Bank, Watcher, state_of, whole, wrong_sql
from tests.support.daemons import wait_until

pytestmark = pytest.mark.each_feed

PUBLISHES = int(os.environ.get("NEAPTIDE_PUBLISHES", "60"))
# The command line, of the version of the `duckdb` module: PyPI has it as duckdb-cli.
DUCKDB = os.environ.get("NEAPTIDE_DUCKDB") or shutil.which("duckdb")

# A fresh connection for every read, in a process of its own, as a BI tool or the command line opens it.
_READER = """
import sys, time
from pathlib import Path
import duckdb
from tests.support.bank import Watcher, whole

watcher, path, over = Watcher(), sys.argv[1], Path(sys.argv[2])
print("ready", flush=True)
# The last few reads may be after the last publish: how many go in between is up to the machine.
while not over.exists() or watcher.reads < 6:
    with duckdb.connect(path, read_only=True) as conn:
        (as_of,) = conn.execute("SELECT as_of::VARCHAR FROM neaptide.freshness").fetchone()
        watcher.saw(whole(conn), as_of)
    time.sleep(0.1)
print(watcher.reads, watcher.state, *watcher.wrong, sep="|")
"""


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    found = Bank.opened(empty_db, tmp_path)
    found.sync()
    return found


def publish_for_ever(job: Job) -> None:
    """Runs in a loop, in a process of its own, as the daemon makes them; an error ends it with a code of its own."""
    kept = Job(job.settings, job.url, OpenSessions())
    while True:
        sync.sync_once(kept)


class Publisher:
    """A process that publishes, killed and started again every few publishes, at any moment of a run."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._start(0)

    def _start(self, published: int) -> None:
        self._process = _SPAWN.Process(target=publish_for_ever, args=(self._job,))
        self._process.start()
        self._until = published + random.randint(2, 20)

    def tend(self, published: int) -> None:
        """Kill it when it has done its share; fails if it ended by itself."""
        assert self._process.is_alive(), self._process.exitcode
        if published >= self._until:
            time.sleep(random.uniform(0, 0.2))
            self.kill()
            self._start(published)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


@contextmanager
def fresh_readers(bank: Bank, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that open the link anew for every read, until the file `over` is there."""
    over = bank.folder.parent / "over"
    line = [sys.executable, "-c", _READER, str(bank.link), str(over)]
    found = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(count)]
    for process in found:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    try:
        yield found
    finally:
        over.touch()
        for process in found:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            reads, state, *wrong = out.strip().split("|")
            assert not wrong
            assert int(reads) > 5
            assert int(state) > 0


@contextmanager
def in_a_thread(work: Callable[[], None]) -> Iterator[list[str]]:
    """Call `work` again and again; what it raises is collected."""
    over, wrong = threading.Event(), list[str]()

    def loop() -> None:
        while not over.is_set():
            try:
                work()
            except BaseException as error:
                wrong.append(f"{type(error).__name__}: {error}")
                return
            over.wait(0.01)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("mode", ["symlink", pytest.param("pointer", marks=pytest.mark.long)])
def test_no_reader_is_locked_out_or_sees_half_a_run_while_others_publish_and_are_killed(bank: Bank, mode: str) -> None:
    bank.mode = mode
    bank.move()
    bank.sync()
    with duckdb.connect(str(bank.link), read_only=True) as long_open, fresh_readers(bank, 2), bank.moving(0.05):
        first = whole(long_open)
        publish_and_kill(bank, PUBLISHES // 2)
        assert whole(long_open) == first
        bank.check()
    bank.sync()
    bank.assert_equal()
    bank.check_tidy()


def publish_and_kill(bank: Bank, publishes: int) -> None:
    """Somebody publishes so often and is killed all along, with never more than three files on the disk."""
    deadline = time.monotonic() + 120 + 3 * publishes
    inode, published = bank.link.stat().st_ino, 0
    publisher = Publisher(bank.job)
    try:
        while published < publishes:
            assert time.monotonic() < deadline, f"only {published} publishes"
            publisher.tend(published)
            # To look at the link is to be a reader, too: there is never a moment without a file.
            before, inode = inode, bank.link.stat().st_ino
            published += inode != before
            assert bank.big_files() <= 3, bank.names()
            time.sleep(0.005)
    finally:
        publisher.kill()


@pytest.mark.skipif(DUCKDB is None, reason="no duckdb on the PATH or in NEAPTIDE_DUCKDB")
def test_the_duckdb_command_line_reads_whole_states_anew_and_from_a_session_that_stays_open(bank: Bank) -> None:
    assert DUCKDB is not None
    watcher, query = Watcher(), f"{wrong_sql('public.')};"
    line = [DUCKDB, "-readonly", "-csv", "-noheader", str(bank.link)]

    def read() -> None:
        found = subprocess.run([*line, "-c", query], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        state, *wrong = map(int, found.stdout.strip().split(","))
        assert not any(wrong), found.stdout
        watcher.saw(state, None)

    with (
        subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as kept,
        bank.moving(0.05),
    ):
        assert kept.stdin and kept.stdout
        kept.stdin.write(f"{query}\n")
        first = kept.stdout.readline()
        with in_a_thread(read) as wrong:
            publish_and_kill(bank, PUBLISHES // 4)
            # How many reads that left time for is up to the machine; the last one begins when all was published.
            enough = max(6, watcher.reads + 2)
            wait_until(lambda: wrong or watcher.reads >= enough)
        kept.stdin.write(f"{query}\n")
        assert kept.stdout.readline() == first
        kept.stdin.close()
    assert not wrong
    assert not watcher.wrong
    assert watcher.state > 0


def test_readers_in_the_process_that_syncs_see_each_publish_and_never_an_older_one(bank: Bank) -> None:
    """A plain connection, one of `reporting` that stays open, and new ones all the time."""
    watcher = Watcher()

    def read() -> None:
        with opening.open(bank.link) as store:
            watcher.saw(whole(store._connection), store.as_of)

    with (
        duckdb.connect(str(bank.link), read_only=True) as plain,
        opening.open(bank.link) as kept,
        in_a_thread(read) as wrong,
    ):
        for turn in range(PUBLISHES // 8):
            bank.move()
            run = bank.sync()
            with opening.open(bank.link) as store:
                assert (whole(store._connection), store.run_id) == (turn + 1, run.run_id)
        assert whole(plain) == whole(kept._connection) == 0
    assert not wrong
    assert not watcher.wrong
    bank.assert_equal()


@pytest.mark.long
def test_a_reader_that_lost_its_lock_is_still_seen(bank: Bank) -> None:
    """Its process opened the file a second time and closed it, which drops the first one's lock (fcntl(2))."""
    code = """
import sys, duckdb
from tests.support.bank import whole
kept = duckdb.connect(sys.argv[1], read_only=True)
open(sys.argv[1], "rb").close()
print("ready", flush=True)
sys.stdin.readline()
print(whole(kept), flush=True)
"""
    line = [sys.executable, "-c", code, str(bank.link.resolve())]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin and reader.stdout
        assert reader.stdout.readline() == "ready\n"
        assert in_use.is_open(bank.link.resolve())
        for _ in range(6):
            bank.move(times=20)
            bank.sync()
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "0\n"
    assert not in_use.is_open(bank.link.resolve())


@pytest.mark.long
def test_a_reader_that_resolved_the_link_long_ago_opens_a_whole_file(bank: Bank) -> None:
    """DuckDB resolves the link first and opens the name later: whatever happens in between, the name is good."""
    for _ in range(3):
        resolved = bank.link.resolve()
        for _ in range(3):
            bank.move()
            bank.sync()
            assert state_of(resolved) >= 0
