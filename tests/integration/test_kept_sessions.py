"""Sessions that a process keeps between runs, and what a role's settings or a server do to them meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from app import errors
from jobs.engine import opening
from jobs.sessions import OpenSessions
from jobs.source.connection import Source
from jobs.source.session import source_session
from tests.support.daemons import wait_until
from tests.support.syncing import Lab

# All that a role may have that ends sessions or statements, shorter than what a run here takes.
LIMITS = {
    "idle_session_timeout": "200ms", "transaction_timeout": "200ms", "idle_in_transaction_session_timeout": "200ms",
    "statement_timeout": "200ms", "lock_timeout": "100ms",
}  # fmt: skip
LONGER = 0.4


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Iterator[Lab]:
    """A tracked table, synced once by sessions that are kept."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}], keep=OpenSessions())
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO item (id, name) SELECT g, 'x' FROM generate_series(1, 10) AS g",
    )
    found.track()
    found.sync()
    yield found
    assert found.keep is not None
    found.keep.close()


def sessions(conn: psycopg.Connection[tuple[int]]) -> int:
    """How many this process has in the database, but for the one that asks."""
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name LIKE 'neaptide %'"
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_list_of_tables_asks_nothing_of_a_source_that_has_thousands(lab: Lab) -> None:
    lab.run("CREATE TABLE other (id bigint PRIMARY KEY)")
    with opening.lent(lab.job) as session:
        session.attach_source(Source.of(lab.job))
        there = "SELECT count(*) FROM duckdb_databases() WHERE database_name = 'pg'"
        assert session.one(there) == 1
        assert session.one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'pg'") == 0
        assert session.one("FROM postgres_query('pg', 'SELECT count(*) FROM item')") == 10


def end_all(lab: Lab) -> None:
    """What a restart of the server, a firewall or an administrator does to sessions in between."""
    with lab.connect() as conn:
        assert sessions(conn) > 1
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: sessions(conn) == 0)


def test_sessions_that_died_between_two_runs_are_replaced(lab: Lab) -> None:
    for turn in range(2):
        lab.run(f"UPDATE item SET name = 'changed {turn}' WHERE id = 1")
        lab.sync()
        end_all(lab)
        lab.run(f"UPDATE item SET name = 'again {turn}' WHERE id = 2", f"DELETE FROM item WHERE id = {turn + 5}")
        assert lab.sync().changed
        lab.assert_equal()


def test_the_limits_of_a_role_end_no_run_and_no_kept_session(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    name = lab.url.rsplit("/", 1)[1]
    with lab.connect() as admin:
        known = {row[0] for row in admin.execute("SELECT name FROM pg_settings")}
        for setting in LIMITS.keys() & known:
            admin.execute(f"ALTER DATABASE {name} SET {setting} = '{LIMITS[setting]}'".encode())
        # The control session stands in its transaction while others read.
        monkeypatch.setattr("jobs.faults.point", lambda where: time.sleep(LONGER if where == "snapshot_joined" else 0))
        assert lab.keep is not None
        lab.keep.close()
        lab.keep = OpenSessions()
        with ThreadPoolExecutor(1) as pool:
            admin.execute("UPDATE item SET name = 'changed' WHERE id = 1")
            with admin.transaction():
                admin.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
                run = pool.submit(lab.sync)
                time.sleep(LONGER)
            run.result()
        time.sleep(LONGER)
        assert sessions(admin) > 0
        admin.execute("UPDATE item SET name = 'again' WHERE id = 2")
        assert lab.sync().changed
        admin.execute(f"ALTER DATABASE {name} RESET ALL".encode())
    lab.assert_equal()


def test_sessions_that_reach_several_servers_are_told_so(lab: Lab) -> None:
    with source_session(lab.job) as now, opening.lent(lab.job) as session:
        session.attach_source(Source.of(lab.job))
        elsewhere = replace(now.snapshot, exported="00000099-00000001-1")
        with pytest.raises(errors.SourceUnavailable, match="several servers"), session.transaction():
            session.join_snapshot(elsewhere)
