"""kill -9 of dual writes, at every step by name and at random moments: both sides have a write, or neither has.

What the command was told is written stays written; what it was not told is in both or in none. `NEAPTIDE_KILLS=200`
asks for as many kills.
"""

from __future__ import annotations

import os
import random
import signal
from itertools import count
from pathlib import Path

import psycopg
import pytest

from jobs import faults
from jobs.job import Job
from jobs.run import dual
from tests.support import bank as banks
from tests.support import runs
from tests.support.bank import Bank
from tests.support.servers import ask

ROUNDS = int(os.environ.get("NEAPTIDE_KILLS", "12"))
PENDING = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
# What a dual write does not come by: a session of its own, loads, a copy, a forgotten file.
ELSEWHERE = {"floor_read", "piece_loaded", "table_loaded", "copied", "log_dropped"}


def moving(job: Job, url: str, told: Path, times: int = 10**6, fault: str = "") -> None:
    """Move money by dual writes, and note the number of each that came back."""
    faults._WANTED = fault
    with psycopg.connect(url) as conn, told.open("a") as notes:
        for _ in range(times):
            with dual.opened(job, conn) as writing:
                banks.move(conn)
                row = conn.execute("SELECT n FROM meter").fetchone()
                writing.commit()
            assert row is not None
            notes.write(f"{row[0]}\n")
            notes.flush()


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    return Bank.opened(empty_db, tmp_path).on_both()


def killed(bank: Bank, told: Path, seconds: float | None = None, fault: str = "") -> int:
    """The exit code of a process that moves money, killed after so many seconds or at the point."""
    arguments = (bank.job, bank.url, told, 10**6 if seconds else 1, fault)
    process = runs.SPAWN.Process(target=moving, args=arguments)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def settled(bank: Bank, told: Path) -> None:
    """After the next run both sides hold the same, and every write that came back."""
    before = bank.check()
    bank.sync()
    assert ask(bank.url, PENDING) == 0
    assert bank.check() >= before, "a write that readers have seen is gone"
    bank.assert_equal()
    numbers = [int(line) for line in told.read_text().split()]
    lost = set(numbers) - {int(row[0]) for row in bank.source_rows("public.move")}
    assert not lost
    assert len(numbers) == len(set(numbers))
    assert not (bank.folder / "reporting.duckdb.dual").exists()


@pytest.mark.long
def test_a_kill_at_any_step_leaves_a_write_in_both_or_in_neither(bank: Bank) -> None:
    told = bank.folder / "told"
    told.touch()
    for point in (*(one for one in faults.POINTS if one not in ELSEWHERE), *faults.OF_DUAL):
        bank.move()
        assert killed(bank, told, fault=point) == -signal.SIGKILL, point
        published = point in ("after_swap", "before_freshness", "after_freshness", "file_committed")
        state = bank.check()
        before = ask(bank.url, "SELECT n FROM meter")
        assert state == before + 1 if published else state <= before, point
        settled(bank, told)
        assert ask(bank.url, "SELECT n FROM meter") == before + published, point


@pytest.mark.long
def test_kills_at_random_moments_lose_double_and_change_nothing(bank: Bank) -> None:
    told = bank.folder / "told"
    told.touch()
    kills, left = 0, 0
    for turn in count():
        if kills == ROUNDS:
            break
        bank.move()
        kills += killed(bank, told, random.uniform(0.1, 0.8)) == -signal.SIGKILL
        left += int(ask(bank.url, PENDING))
        # Every other time the next dual write is what finds it.
        if turn % 2:
            process = runs.SPAWN.Process(target=moving, args=(bank.job, bank.url, told, 1))
            process.start()
            process.join()
            assert process.exitcode == 0
        settled(bank, told)
    print(f"{kills} kills, {left} of them left something prepared, {len(told.read_text().split())} writes came back")
