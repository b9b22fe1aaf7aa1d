"""kill -9 at every step by name and at random moments: the file stays whole, and the next run goes on by itself."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pytest

from jobs import faults, sync
from jobs.job import Job
from tests.support.bank import Bank

ROUNDS = int(os.environ.get("NEAPTIDE_KILLS", "12"))
# What only happens where tables are copied anew, or where a reader holds the file that is next.
IN_A_LOAD = {"piece_loaded", "table_loaded"}
ONTO_A_COPY = {"copied"}
_SPAWN = get_context("forkserver")
_SPAWN.set_forkserver_preload(["jobs.sync", "jobs.verify", "app.reporting"])


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    """A bank that was synced twice, so that both files exist."""
    found = Bank.opened(empty_db, tmp_path)
    for _ in range(2):
        found.sync()
        found.move()
    return found


def spare(bank: Bank) -> Path:
    return bank.job.files.spare


def test_every_point_stands_in_the_list_and_in_one_place() -> None:
    found: Counter[str] = Counter()
    for path in (Path(faults.__file__).parent).glob("*.py"):
        found.update(re.findall(r'faults\.point\("(\w+)"\)', path.read_text()))
    assert found == Counter((*faults.POINTS, *faults.BETWEEN_RUNS))


def kill_at(bank: Bank, point: str) -> None:
    """Run the command line, which kills itself at the point."""
    arguments = ["sync", "--full"] if point in IN_A_LOAD else ["sync"]
    code, err = bank.finished(*arguments, fault=point)
    assert code == -signal.SIGKILL, f"{point} was not reached: {code} {err}"


@pytest.mark.parametrize("quarter", range(2))
def test_a_run_killed_at_any_step_leaves_a_whole_file_and_the_next_goes_on(bank: Bank, quarter: int) -> None:
    before = bank.check()
    for point in faults.POINTS[quarter::2]:
        bank.move()
        # A reader of the spare makes the run begin with a copy.
        reader = duckdb.connect(str(spare(bank)), read_only=True) if point in ONTO_A_COPY else None
        kill_at(bank, point)
        if reader:
            reader.close()
        after = bank.check()
        assert after >= before, point
        bank.move()
        bank.sync()
        assert bank.check() > after, point
        bank.assert_equal()
        bank.check_tidy()
        before = bank.check()


def test_a_second_kill_at_the_same_step_and_one_elsewhere_change_nothing(bank: Bank) -> None:
    for first, second in (("before_swap", "before_swap"), ("after_commit", "work_linked"), ("log_dropped", "copied")):
        with duckdb.connect(str(spare(bank)), read_only=True):
            for point in (first, second):
                bank.move()
                kill_at(bank, point) if point != "copied" else bank.finished("sync", fault=point)
                bank.check()
        bank.sync()
        bank.assert_equal()
        bank.check_tidy()


def test_the_log_of_a_killed_run_is_never_replayed_onto_another_file(bank: Bank) -> None:
    """DuckDB itself would: it goes by the name alone."""
    kill_at(bank, "after_commit")
    files = bank.job.files
    log = files.work_wal.read_bytes()
    assert log
    for _ in range(3):
        bank.sync()
        bank.move()
    assert not files.work.exists()
    assert not files.spare.samefile(bank.link)
    files.work_wal.write_bytes(log)
    bank.sync()
    bank.assert_equal()
    bank.check()


def run_quietly(job: Job, *, full: bool) -> None:
    """One run in a process of its own, which may be killed."""
    sync.sync_once(job, full=full)


def timed(bank: Bank, *, full: bool) -> float:
    """Seconds from the start of a run's process to its end."""
    began = time.monotonic()
    process = _SPAWN.Process(target=run_quietly, args=(bank.job,), kwargs={"full": full})
    process.start()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - began


def test_a_run_killed_at_random_moments_loses_and_doubles_nothing(bank: Bank) -> None:
    bank.move(times=20)
    lasts = {full: timed(bank, full=full) for full in (True, False)}
    seen, killed = bank.check(), 0
    with bank.moving():
        for turn in range(ROUNDS):
            full = turn % 5 == 0
            process = _SPAWN.Process(target=run_quietly, args=(bank.job,), kwargs={"full": full})
            process.start()
            process.join(random.uniform(0, 1.1 * lasts[full]))
            killed += process.is_alive()
            process.kill()
            process.join()
            state = bank.check()
            assert state >= seen
            seen = state
    bank.sync()
    bank.assert_equal()
    bank.check_tidy()
    print(f"{killed} of {ROUNDS} runs killed, {seen} transactions")
    assert killed >= ROUNDS // 3
