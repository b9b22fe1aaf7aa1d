from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from app import errors
from app.oltp import migrations, tables

ROOT = Path(__file__).parents[2]
MIGRATE = "import sys; from app.oltp import migrations; migrations.migrate(sys.argv[1])"


def schema(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT 'column', table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = 'shop' UNION ALL SELECT 'index', indexdef FROM pg_indexes"
            " WHERE schemaname = 'shop' UNION ALL SELECT 'version', version_num FROM shop.alembic_version ORDER BY 1, 2"
        ).fetchall()


def waiting(connection: psycopg.Connection) -> int:
    found = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    assert found is not None
    return int(found[0])


def test_migrating_makes_the_shop_and_again_changes_nothing(empty_db: str) -> None:
    migrations.migrate(empty_db)
    once = schema(empty_db)
    migrations.migrate(empty_db)
    assert schema(empty_db) == once
    made = {name.split(".")[0] for kind, name in once if kind == "column"}
    assert made >= {table.name for table in tables.metadata.sorted_tables} | {"alembic_version"}


def test_two_processes_at_once_take_turns(empty_db: str) -> None:
    with psycopg.connect(empty_db, autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (migrations.LOCK,))
        processes = [
            subprocess.Popen([sys.executable, "-c", MIGRATE, empty_db], cwd=ROOT, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        deadline = time.monotonic() + 60
        while waiting(gate) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert waiting(gate) == 2
        gate.execute("SELECT pg_advisory_unlock(%s)", (migrations.LOCK,))
        for process in processes:
            _, complaint = process.communicate(timeout=60)
            assert (process.returncode, complaint) == (0, "")
    assert [kind for kind, _ in schema(empty_db)].count("version") == 1


def test_a_migration_that_fails_leaves_nothing_behind(empty_db: str) -> None:
    with psycopg.connect(empty_db) as connection:
        connection.execute("CREATE SCHEMA shop CREATE TABLE instalments (mine integer)")
    with pytest.raises(errors.Bug, match="already exists"):
        migrations.migrate(empty_db)
    with psycopg.connect(empty_db) as connection:
        left = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'shop'").fetchall()
    assert left == [("instalments",)]


def test_a_role_without_the_right_is_told_so(empty_db: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(empty_db)
    role = f"guest_{parts['dbname']}"
    with psycopg.connect(empty_db, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'guest'")
        try:
            guest = psycopg.conninfo.make_conninfo(empty_db, user=role, password="guest")
            with pytest.raises(errors.AccessDenied) as caught:
                migrations.migrate(guest)
            assert caught.value.hint
        finally:
            connection.execute(f"DROP ROLE {role}")
