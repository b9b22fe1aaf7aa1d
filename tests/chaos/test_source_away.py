"""PostgreSQL that dies, stalls, cuts the line or is locked: the run ends in time, says why, and changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import errors
from jobs import faults
from jobs.engine import opening
from jobs.job import Job
from jobs.run import dryrun, sync
from jobs.source.connection import Source
from jobs.source.session import source_session
from jobs.verify import verify
from tests.support import cluster, servers
from tests.support.bank import Bank
from tests.support.cli import Cli
from tests.support.proxy import Proxy
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_feed

# Bytes that PostgreSQL sends before the fault: while connecting, in the control queries, in the rows.
MOMENTS = (0, 3_000, 60_000)

_SESSIONS = """
SELECT pid, backend_xmin::text AS xmin, state, query
FROM pg_stat_activity
WHERE application_name LIKE 'neaptide %' AND datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    """A synced bank with enough rows that a copy takes more than one packet."""
    found = Bank.opened(empty_db, tmp_path)
    found.run("INSERT INTO move (id, payer, payee, amount) SELECT -g, 0, 0, 0 FROM generate_series(1, 20000) AS g")
    found.run("DELETE FROM move WHERE id < 0 AND id > -2")
    found.sync()
    return found


def through(bank: Lab, proxy: Proxy, connect_timeout: float = 60, **bounds: Any) -> Job:
    """The job by way of the proxy, with its own bounds."""
    settings = bank.job.settings
    source = settings.source.model_copy(update={"connect_timeout": timedelta(seconds=connect_timeout)})
    found = settings.sync.model_copy(update=bounds)
    return Job(settings.model_copy(update={"source": source, "sync": found}), proxy.through)


@contextmanager
def published_stays(bank: Lab) -> Iterator[None]:
    """The published file is the same one, byte for byte, and the next run works."""
    path = (bank.folder / "reporting.duckdb").resolve()
    before = path.read_bytes()
    yield
    assert (bank.folder / "reporting.duckdb").resolve() == path
    assert path.read_bytes() == before
    bank.sync()
    bank.assert_equal()


@contextmanager
def in_time() -> Iterator[None]:
    """Long before the two hours that a run has by default, also on a machine under load."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 60


@pytest.mark.few(1)
@pytest.mark.parametrize("skip", [0, 1], ids=["control", "rows"])
@pytest.mark.parametrize("fault", ["drop", "reset"])
def test_a_line_that_is_cut_ends_the_run_and_the_next_one_works(bank: Bank, fault: str, skip: int) -> None:
    bank.run("UPDATE move SET amount = 0 WHERE id < 0")
    with published_stays(bank):
        for after in MOMENTS:
            with Proxy(bank.url, fault=fault, after=after, skip=skip) as proxy:
                try:
                    with in_time():
                        sync.sync_once(through(bank, proxy), full=True)
                    assert not proxy.struck.is_set() or skip == 0
                    raise AssertionError(f"{fault} after {after} bytes went unnoticed")
                except errors.SourceUnavailable as error:
                    assert "PostgreSQL" in error.message
                    assert error.hint


@pytest.mark.few(1)
@pytest.mark.parametrize("skip", [0, 1], ids=["control", "rows"])
@pytest.mark.parametrize("after", [MOMENTS[0], *(pytest.param(after, marks=pytest.mark.long) for after in MOMENTS[1:])])
def test_a_source_that_stands_still_is_left_at_the_deadline(bank: Bank, after: int, skip: int) -> None:
    """No byte comes either way and no socket closes; only the deadline ends that."""
    if skip == 0 and after == MOMENTS[-1]:
        pytest.skip("the control session gets fewer bytes")
    bank.run("UPDATE move SET amount = 0 WHERE id < 0")
    with published_stays(bank):
        # On a machine under load the deadline may come before that many bytes have passed.
        struck = any(stands_still(bank, after, skip, seconds) for seconds in (1.5, 6, 24))
    assert struck


def stands_still(bank: Bank, after: int, skip: int, deadline: float) -> bool:
    """A run with that deadline in seconds, through a line that stops; whether it did in time."""
    with Proxy(bank.url, fault="stall", after=after, skip=skip) as proxy:
        # A line that is dead from the start is given up before the deadline.
        job = through(bank, proxy, 60 if after else 2, deadline=timedelta(seconds=deadline))
        with in_time(), pytest.raises((errors.SourceTimeout, errors.SourceUnavailable)) as caught:
            sync.sync_once(job, full=True)
        assert not after or "deadline" in caught.value.message
        return proxy.struck.is_set()


@pytest.mark.long
def test_the_server_ends_what_a_run_past_its_deadline_had_it_do(bank: Bank) -> None:
    """The server answers, only the line is slow: it is told to end the sessions, and does no more for nobody."""
    with Proxy(bank.url, rate=50_000) as proxy:
        job = through(bank, proxy, deadline=timedelta(seconds=2))
        with in_time(), pytest.raises(errors.SourceTimeout, match="deadline"):
            sync.sync_once(job, full=True)
        with bank.connect() as conn:
            servers.until(lambda: not conn.execute(_SESSIONS).fetchall(), "every session has ended")


@pytest.mark.parametrize("work", [dryrun.dry_run, verify.verify], ids=["dry run", "verify"])
def test_other_commands_keep_to_the_deadline_too(bank: Bank, work: Callable[[Job], Any]) -> None:
    with Proxy(bank.url, fault="stall", after=3_000) as proxy, in_time(), pytest.raises(errors.SourceTimeout):
        work(through(bank, proxy, deadline=timedelta(seconds=1)))


def test_a_slow_line_is_no_error(bank: Bank) -> None:
    bank.run("UPDATE move SET amount = 0 WHERE id < 0")
    with Proxy(bank.url, rate=4_000_000) as proxy:
        sync.sync_once(through(bank, proxy))
    bank.assert_equal()


def test_the_command_line_says_it_in_two_lines_and_exits_with_1(bank: Bank) -> None:
    with published_stays(bank), Proxy(bank.url, fault="drop", after=3_000) as proxy:
        bank.configure(proxy.through)
        code, err = bank.finished("sync", "--full")
    assert code == 1
    assert "Traceback" not in err
    assert err.splitlines()[0].startswith("error: PostgreSQL can't be reached")
    assert err.splitlines()[1].startswith("hint: ")


def test_a_table_that_somebody_locks_is_named_and_left_as_it_was(bank: Bank) -> None:
    bank.configure()
    before = bank.file_rows("public.account")
    bank.move()
    with bank.connect(autocommit=False) as other:
        other.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        with in_time():
            done = Cli(bank.folder)("sync", "--json")
        other.rollback()
    assert (done.code, "Traceback" in done.err) == (1, False)
    failed = {table["table"]: table["error"] for table in done.json["tables"] if table["error"]}
    assert list(failed) == ["public.account"]
    assert "locked by process" in failed["public.account"]
    assert bank.file_rows("public.account") == before
    bank.sync()
    bank.assert_equal()


@pytest.mark.long
def test_a_server_killed_in_the_middle_of_a_run_is_found_gone_and_found_back(tmp_path: Path) -> None:
    with cluster.open_folder() as folder, cluster.running(folder / "postgres") as server:
        bank = Bank.opened(server.create_database(), tmp_path)
        bank.sync()
        for point in ("floor_read", "piece_loaded", "before_commit"):
            bank.move()
            published = bank.check()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(faults, "point", kill_server_at(server, point))
                with pytest.raises(errors.NeaptideError) as caught:
                    bank.sync(full=True)
            assert isinstance(caught.value, errors.SourceUnavailable), caught.value
            assert bank.check() == published
            with pytest.raises(errors.SourceUnavailable):
                bank.sync()
            server.server.start()
            bank.sync()
            bank.assert_equal()


def kill_server_at(server: cluster.Cluster, wanted: str) -> Callable[[str], None]:
    """A fault point that kills every process of the server, once, but not the run.

    Tables are loaded beside each other: several threads may reach the point at once."""
    first = threading.Lock()

    def point(name: str) -> None:
        if name == wanted and first.acquire(blocking=False):
            servers.crash(server.server)

    return point


def test_every_session_of_a_run_is_bounded_and_the_snapshot_is_let_go_of_early(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.move()
    seen: dict[str, list[dict[str, Any]]] = {}

    def look(name: str) -> None:
        with psycopg.connect(bank.url, autocommit=True, row_factory=psycopg.rows.dict_row) as conn:
            seen[name] = conn.execute(_SESSIONS).fetchall()

    monkeypatch.setattr(faults, "point", look)
    bank.sync()
    joined, released = seen["before_commit"], seen["snapshot_released"]
    assert sum(row["xmin"] is not None for row in joined) >= 2
    assert not any(row["xmin"] for row in released)
    assert not any("transaction" in row["state"] for row in released)


def test_timeouts_are_set_on_every_session_also_on_duckdb_s(bank: Bank) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    query = "SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    with source_session(bank.job) as now, opening.opened(bank.job, bank.folder / "other.duckdb") as file:
        mine = now.conn.execute(query.encode()).fetchone()
        file.attach_source(Source.of(bank.job))
        with file.transaction():
            file.join_snapshot(now.snapshot)
            (theirs,) = file.rows("SELECT * FROM postgres_query('pg', '" + query.replace("'", "''") + "')")
    assert mine == theirs == dict(zip(names, ("1h", "5s", "121min"), strict=True))
