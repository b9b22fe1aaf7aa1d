"""A pooler before the server: sessions of one's own are as good as the server itself, others are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import tuple_row

from app import errors
from jobs.daemon import lead, wake
from jobs.doctor import server as doctor
from jobs.sessions import OpenSessions
from jobs.source import position
from jobs.source.connection import Source
from jobs.verify import verify
from tests.support import pooler
from tests.support.daemons import running, write_config
from tests.support.syncing import Lab

KEY = "a secret of more than sixteen characters"
ITEMS = """
CREATE TABLE item (
    id bigint PRIMARY KEY, name text, span interval, seen tstzrange DEFAULT '[2024-01-02 12:00:00+00,)',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
# What the role has set would change how values are spelled, and end every run.
HOSTILE = {
    "timezone": "Asia/Tokyo", "datestyle": "German", "intervalstyle": "iso_8601", "search_path": "public",
    "statement_timeout": "1min", "idle_session_timeout": "1h",
}  # fmt: skip
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.fixture
def lab(empty_db: str, open_folder: Path) -> Lab:
    """A tracked table of ten rows."""
    found = Lab(
        empty_db, open_folder, [{"name": "public.item", "mask": {"name": "hash"}}], sync_options={"mask_key": KEY}
    )
    found.run(
        ITEMS, "INSERT INTO item (id, name, span) SELECT g, 'item ' || g, make_interval(days => g) "
        "FROM generate_series(1, 10) AS g",
    )  # fmt: skip
    found.track()
    return found


@pytest.mark.skipif(pooler.PROGRAM is None, reason=pooler.MISSING)
@pytest.mark.parametrize("ignored", ["", "options"])
def test_session_pooling_is_as_good_as_the_server(lab: Lab, ignored: str) -> None:
    name = lab.url.rsplit("/", 1)[1]
    lab.run(*(f"ALTER DATABASE {name} SET {setting} = '{value}'" for setting, value in HOSTILE.items()))
    with pooler.pooling(lab.folder, lab.url, pool_mode="session", ignore_startup_parameters=ignored) as through:
        direct, lab.url = lab.url, through
        lab.keep = OpenSessions()
        lab.sync()
        assert verify.verify(lab.job).equal
        lab.run("UPDATE item SET name = 'other', span = '1 mon' WHERE id = 1", "DELETE FROM item WHERE id = 2")
        assert lab.sync().changed
        lab.keep.close()
        lab.keep = None
        told = next(one.message for one in doctor.found(lab.job) if one.name == "pooler")
        assert told.startswith("one with session pooling")
    lab.url = direct
    lab.run(f"ALTER DATABASE {name} RESET ALL")
    assert verify.verify(lab.job).equal


@contextmanager
def busy(url: str) -> Iterator[None]:
    """Other clients, who ask all the time."""
    over = threading.Event()

    def ask() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:
            while not over.is_set():
                conn.execute("SELECT pg_sleep(random() * 0.003)")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.skipif(pooler.PROGRAM is None, reason=pooler.MISSING)
@pytest.mark.parametrize(
    "settings",
    [{}, {"server_round_robin": "1"}, {"default_pool_size": "1"}, {"ignore_startup_parameters": "options"}],
    ids=str,
)
def test_transaction_pooling_is_refused_and_nothing_is_left_behind(lab: Lab, settings: dict[str, str]) -> None:
    with pooler.pooling(lab.folder, lab.url, pool_mode="transaction", **settings) as through:
        direct, lab.url = lab.url, through
        with pytest.raises(errors.ConfigError, match="transaction pooling"):
            lab.sync()
        with psycopg.connect(through, autocommit=True, prepare_threshold=None) as shared:
            assert shared.execute("SHOW row_security").fetchone() == ("on",)
            assert "pg_temp" not in str(shared.execute("SHOW search_path").fetchone())
        lab.url = direct


@pytest.mark.skipif(pooler.PROGRAM is None, reason=pooler.MISSING)
def test_transaction_pooling_is_refused_while_others_use_the_pool(lab: Lab) -> None:
    with pooler.pooling(lab.folder, lab.url, pool_mode="transaction") as through, busy(through):
        lab.url = through
        for _ in range(5):
            with pytest.raises(errors.ConfigError, match="transaction pooling"):
                lab.sync()


def test_a_statement_that_another_process_answers_ends_the_session(lab: Lab) -> None:
    """What a pooler in front of a busy pool may show only later on."""
    with Source.of(lab.job).open("neaptide test") as conn:
        conn.backend += 1
        with pytest.raises(errors.ConfigError, match="transaction pooling"), conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            with position.snapshot(conn):
                pass
        with pytest.raises(errors.ConfigError, match="transaction pooling"):
            lead.take(conn, 1)
        assert conn.execute(LOCKS).fetchone() == {"count": 0}
        conn.row_factory = tuple_row
        with pytest.raises(errors.ConfigError, match="transaction pooling"):
            wake.Watcher(conn, None).look(0)


@pytest.mark.skipif(pooler.PROGRAM is None, reason=pooler.MISSING)
def test_a_daemon_behind_transaction_pooling_says_so_and_leaves_no_lock(lab: Lab) -> None:
    with pooler.pooling(lab.folder, lab.url, pool_mode="transaction") as through:
        direct, lab.url = lab.url, through
        with running(write_config(lab)) as daemon:
            told = daemon.saw("source_unreachable")
            assert "transaction pooling" in told["event"]
            assert "session pooling" in told["hint"]
            assert not daemon.records("leading")
        with psycopg.connect(direct) as conn:
            assert conn.execute(LOCKS).fetchone() == (0,)


@pytest.mark.skipif(pooler.PROGRAM is None, reason=pooler.MISSING)
def test_a_daemon_behind_session_pooling_leads_and_gives_its_lock_back(lab: Lab) -> None:
    with pooler.pooling(lab.folder, lab.url, pool_mode="session") as through:
        direct, lab.url = lab.url, through
        with running(write_config(lab)) as daemon:
            daemon.saw("run_done", changed=True)
        lab.url = direct
        lab.assert_equal()


@pytest.mark.skipif(pooler.PROGRAM is None, reason=pooler.MISSING)
def test_a_pool_too_small_for_a_run_is_told(lab: Lab) -> None:
    small = {"default_pool_size": "1", "query_wait_timeout": "1"}
    with pooler.pooling(lab.folder, lab.url, pool_mode="session", **small) as through:
        lab.url = through
        with pytest.raises(errors.SourceUnavailable, match="no connection left") as caught:
            lab.sync()
        assert "default_pool_size" in str(caught.value.hint)
