"""`neaptide doctor`: each thing that stands in the way is found, named, and met with what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg import sql

from app.face import doctor as face
from app.face import show
from jobs.doctor import check
from tests.support.cli import Cli, config, widest

PASSWORD = "s3cret-p4ss"


@pytest.fixture
def shop(empty_db: str, tmp_path: Path) -> Iterator[Cli]:
    """A tracked table and a synced file."""
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA shop")
        conn.execute("CREATE TABLE shop.item (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now())")
        conn.execute("INSERT INTO shop.item VALUES (1)")
    found = config(tmp_path, empty_db, tables=("item",))
    found("track").ok()
    found("sync").ok()
    yield found


def found(neaptide: Cli) -> dict[str, list[dict[str, Any]]]:
    """The findings by name."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for one in neaptide("doctor", "--json").json:
        by_name.setdefault(one["name"], []).append(one)
    return by_name


def levels(neaptide: Cli, name: str) -> list[str]:
    return [one["level"] for one in found(neaptide)[name]]


def test_all_is_looked_at_and_a_superuser_alone_is_warned_of(shop: Cli) -> None:
    done = shop("doctor").ok()
    assert widest(done.out) <= 80
    seen = found(shop)
    assert list(seen) == [
        "versions", "config", "disk", "file system", "file", "daemon", "server", "role", "pooler", "sessions", "clock",
        "transactions", "slots", "tables", "tombstones", "track",
    ]  # fmt: skip
    bad = {name for name, checks in seen.items() if any(one["level"] == "fail" for one in checks)}
    assert not bad and levels(shop, "role") == ["warn"]
    assert all(one["hint"] for checks in seen.values() for one in checks if one["level"] == "fail")


def test_what_the_tables_lack_is_named_with_the_next_step(shop: Cli, empty_db: str) -> None:
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("ALTER TABLE shop.item DISABLE TRIGGER USER")
    done = shop("doctor", "--json")
    seen = {one["name"]: one for one in done.json}
    assert done.code == 1 and seen["tables"]["level"] == "fail" and "neaptide track" in seen["tables"]["hint"]
    assert seen["track"]["level"] == "warn"
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("DROP TABLE shop.item")
    assert levels(shop, "tables") == ["fail"] and levels(shop, "track") == ["skipped"]


def test_a_role_with_few_rights_and_little_room_is_met_with_what_it_lacks(shop: Cli, empty_db: str) -> None:
    name, path = f"doctor-{os.getpid()}", shop.folder / "config.toml"
    with psycopg.connect(empty_db, autocommit=True) as conn:
        role = sql.Identifier(name)
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p' CONNECTION LIMIT 3").format(role))
        conn.execute(sql.SQL("ALTER ROLE {} SET track_activities = off").format(role))
        path.write_text(path.read_text().replace(empty_db, re.sub("//.*@", f"//{name}:p@", empty_db)))
        try:
            seen = found(shop)
        finally:
            conn.execute(sql.SQL("DROP ROLE {}").format(role))
    [told] = seen["role"]
    assert told["level"] == "warn" and told["hint"] == f'GRANT pg_read_all_stats TO "{name}"'
    assert "room for 2 more" in seen["sessions"][0]["message"]
    assert any("track_activities is off" in one["message"] for one in seen["server"])
    [told] = seen["tables"]
    assert told["level"] == "fail" and "GRANT" in told["hint"]


def test_what_holds_the_floor_back_is_named(shop: Cli, empty_db: str) -> None:
    with psycopg.connect(empty_db, autocommit=True) as conn:
        if not int(conn.execute("SHOW max_prepared_transactions").fetchone()[0]):  # type: ignore[index]
            pytest.skip("no prepared transactions on this server")
        conn.execute("BEGIN")
        conn.execute("INSERT INTO shop.item VALUES (2)")
        conn.execute("PREPARE TRANSACTION 'doctor''s'")
        try:
            [told] = found(shop)["transactions"]
            assert told["level"] == "warn" and "1 prepared" in told["message"]
            assert "ROLLBACK PREPARED 'doctor''s'" in told["hint"]
        finally:
            conn.execute("ROLLBACK PREPARED 'doctor''s'")


def test_a_slot_without_a_reader_is_named_with_what_it_holds(shop: Cli, empty_db: str) -> None:
    name = f"doctor_{os.getpid()}"
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
        try:
            [told] = [one for one in found(shop)["slots"] if name in one["message"]]
            assert told["level"] == "warn" and f"pg_drop_replication_slot('{name}')" in told["hint"]
        finally:
            conn.execute("SELECT pg_drop_replication_slot(%s)", [name])


def test_a_server_that_is_away_is_one_finding_and_the_machine_is_looked_at_all_the_same(tmp_path: Path) -> None:
    neaptide = config(tmp_path, f"postgresql://u:{PASSWORD}@127.0.0.1:1/d", tables=("item",))
    (tmp_path / "config.toml").chmod(0o644)
    done = neaptide("doctor")
    assert done.code == 1 and PASSWORD not in done.out + done.err
    seen = found(neaptide)
    assert [one["level"] for one in seen["server"]] == ["fail"] and "tables" not in seen
    assert [one["level"] for one in seen["config"]] == ["warn"] and [one["level"] for one in seen["file"]] == ["warn"]
    (tmp_path / "config.toml").chmod(0o600)
    assert levels(neaptide, "config") == ["ok"]


@pytest.mark.parametrize(
    "secret",
    [
        '[alerts]\nurls = ["https://hooks.example.com/T0001234/s3cret-token"]',
        '[http]\ntoken = "s3cret-token-of-metrics"',
        '[read]\nurl = "postgresql://u:s3cret-pw@replica/d"',
    ],
)
def test_a_secret_in_a_config_that_others_read_is_told_whatever_it_opens(tmp_path: Path, secret: str) -> None:
    neaptide, path = config(tmp_path, "postgresql://u@127.0.0.1:1/d", tables=("item",)), tmp_path / "config.toml"
    path.chmod(0o644)
    assert levels(neaptide, "config") == ["ok"]
    path.write_text(f"{secret}\n{path.read_text()}")
    [told] = found(neaptide)["config"]
    assert told["level"] == "warn" and "holds a secret" in told["message"] and "s3cret" not in str(told)


def test_a_file_that_somebody_wrote_to_is_told(shop: Cli) -> None:
    link = shop.folder / "var" / "reporting.duckdb"
    with duckdb.connect(str(link.resolve())) as file:
        file.execute("DELETE FROM shop.item")
    [told] = found(shop)["file"]
    assert told["level"] == "fail" and "neaptide sync" in told["hint"]


def test_nothing_is_left_behind(shop: Cli) -> None:
    folder = shop.folder / "var"
    before = {path.name for path in folder.iterdir()}
    shop("doctor").ok()
    # Where a session may put what doesn't fit into memory: empty, and the next run's.
    assert {path.name for path in folder.iterdir()} - {".reporting.duckdb.private"} == before


def test_a_hook_that_is_not_there_is_found_before_it_is_called(shop: Cli) -> None:
    path = shop.folder / "config.toml"
    path.write_text('[hooks]\nafter_publish = ["sh -c true", "no-such-program"]\n' + path.read_text())
    [told] = found(shop)["hooks"]
    assert told["level"] == "fail" and "no-such-program" in told["message"]


def test_a_long_finding_wraps_beside_its_name() -> None:
    one = check.fail("tables", "a very long sentence " * 9, "do something about it " * 5)
    lines = face._lines(one, show.Look(60))
    assert len(lines) > 4 and max(map(len, lines)) <= 60
    assert all(line.startswith(" " * 23) for line in lines[1:])
