"""kill -9 at every step by name and at random moments: the file stays whole, and the next run goes on by itself."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from itertools import count
from pathlib import Path

import duckdb
import pytest

from jobs import faults
from jobs.beside import private
from tests.support import runs
from tests.support.bank import ACCOUNTS, Bank
from tests.support.cli import Cli

pytestmark = pytest.mark.each_feed

ROUNDS = int(os.environ.get("NEAPTIDE_KILLS", "12"))
# What only happens where tables are copied anew, or where a reader holds the file that is next.
IN_A_LOAD = {"piece_loaded", "table_loaded"}
ONTO_A_COPY = {"copied"}
_SPAWN = runs.SPAWN


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    """A bank that was synced twice, so that both files exist."""
    return Bank.opened(empty_db, tmp_path).on_both()


def test_every_point_stands_in_the_list_and_in_one_place() -> None:
    found: Counter[str] = Counter()
    for path in (Path(faults.__file__).parent).rglob("*.py"):
        found.update(re.findall(r'faults\.point\("(\w+)"\)', path.read_text()))
    assert found == Counter(
        (*faults.POINTS, *faults.OF_MODELS, *faults.OF_RELAY, *faults.WRITTEN_ANEW, *faults.OF_SEVERAL, *faults.OF_DUAL)
    )


def kill_at(bank: Bank, point: str) -> None:
    """One run, which kills itself at the point."""
    runs.killed_at(bank.job, point, full=point in IN_A_LOAD)


@pytest.mark.long
def test_the_command_line_dies_where_the_environment_says(bank: Bank) -> None:
    before = bank.check()
    code, err = bank.finished("sync", fault="before_swap")
    assert (code, err) == (-signal.SIGKILL, "")
    assert bank.check() == before
    code, err = bank.finished("sync")
    assert code == 0, err
    bank.assert_equal()
    bank.check_tidy()


@pytest.mark.parametrize("quarter", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_run_killed_at_any_step_leaves_a_whole_file_and_the_next_goes_on(bank: Bank, quarter: int) -> None:
    before = bank.check()
    for point in faults.POINTS[quarter::2]:
        bank.move()
        # A reader of the spare makes the run begin with a copy.
        reader = duckdb.connect(str(bank.spare), read_only=True) if point in ONTO_A_COPY else None
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


def test_a_first_load_that_was_cut_short_goes_on_table_by_table_and_says_what_it_kept(
    empty_db: str, tmp_path: Path
) -> None:
    bank = Bank.opened(empty_db, tmp_path)
    bank.move(times=5)
    runs.killed_at(bank.job, "table_loaded")
    assert bank.job.files.published is None
    bank.move()
    out = Cli(bank.folder)("sync").ok().out
    assert re.search(rf"public.account +delta .* {ACCOUNTS} rows were kept of a run", out), out
    assert out.count("were kept") == 1, out
    assert re.search(r"public.move +full +6 ", out), out
    bank.assert_equal()
    bank.move()
    assert not any(table.notes for table in bank.sync().tables)
    bank.assert_equal()


def test_a_second_kill_at_the_same_step_and_one_elsewhere_change_nothing(bank: Bank) -> None:
    for first, second in (("before_swap", "before_swap"), ("after_commit", "work_linked"), ("log_dropped", "copied")):
        with duckdb.connect(str(bank.spare), read_only=True):
            for point in (first, second):
                bank.move()
                kill_at(bank, point) if point != "copied" else runs.ended(bank.job, fault=point)
                bank.check()
        bank.sync()
        bank.assert_equal()
        bank.check_tidy()


def test_the_log_of_a_killed_run_is_never_replayed_onto_another_file(bank: Bank) -> None:
    """DuckDB itself would: it goes by the name alone."""
    kill_at(bank, "table_loaded")
    files = bank.job.files
    log = files.work_wal.read_bytes()
    assert log
    for _ in range(3):
        bank.sync()
        bank.move()
    assert not files.work.exists()
    assert not bank.spare.samefile(bank.link)
    private.make(files)
    files.work_wal.write_bytes(log)
    bank.sync()
    bank.assert_equal()
    bank.check()


def timed(bank: Bank, *, full: bool) -> float:
    """Seconds from the start of a run's process to its end."""
    began = time.monotonic()
    assert runs.ended(bank.job, full=full) == 0
    return time.monotonic() - began


@pytest.mark.long
def test_a_run_killed_at_random_moments_loses_and_doubles_nothing(bank: Bank) -> None:
    bank.move(times=20)
    lasts = {full: timed(bank, full=full) for full in (True, False)}
    seen, killed = bank.check(), 0
    with bank.moving():
        for turn in count():
            if killed == ROUNDS:
                break
            full = turn % 5 == 0
            process = _SPAWN.Process(target=runs.quietly, args=(bank.job,), kwargs={"full": full})
            process.start()
            process.join(random.uniform(0, lasts[full]))
            process.kill()
            process.join()
            if process.exitcode == -signal.SIGKILL:
                killed += 1
            else:
                # It was through: this machine is faster than it was when the time was taken.
                assert process.exitcode == 0
                lasts[full] *= 0.9
            state = bank.check()
            assert state >= seen
            seen = state
    bank.sync()
    bank.assert_equal()
    bank.check_tidy()
    print(f"{killed} of {turn} runs killed, {seen} transactions")
