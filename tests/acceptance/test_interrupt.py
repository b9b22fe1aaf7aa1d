"""Ctrl-C ends a query within a second, whatever DuckDB is busy with."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.test_query_limits import ENDLESS, UNHEEDING
from tests.support import shopfile
from tests.support.cli import Cli
from tests.support.daemons import wait_until

_WORKED = 0.5 * os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("reader")
    shopfile.build(folder)
    (folder / "config.toml").write_text('[target]\npath = "reporting.duckdb"\n', encoding="utf-8")
    return Cli(folder)


def _ticks(pid: int) -> int:
    """The processor time that a process has had."""
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11])


def _busy(process: subprocess.Popen[str]) -> None:
    """Wait until its query is at work: it has taken more time than it takes to get there."""
    wait_until(lambda: _ticks(process.pid) > 3 * _WORKED)


@pytest.mark.few(1)
@pytest.mark.parametrize("sql", [ENDLESS[0], ENDLESS[1], UNHEEDING])
def test_ctrl_c_ends_a_query_within_a_second(reader: Cli, sql: str) -> None:
    process = reader.begun("sql", sql)
    _busy(process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # Half a second for DuckDB to heed it, and what a busy machine takes; the queries would take minutes.
    assert time.monotonic() - began < 3
    assert (process.returncode, err.strip()) == (130, "")


def test_a_query_that_heeds_nothing_is_told_when_its_time_is_over(reader: Cli) -> None:
    done = reader.process("sql", UNHEEDING, NEAPTIDE_QUERY__TIMEOUT="200ms")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "error: the query took longer than 0.2 s",
        "hint: ask for less, or raise [query] timeout",
    ]
