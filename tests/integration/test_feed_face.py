"""`neaptide feed`: where changes come from, what stands in the way, and how to begin anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.source import slots
from tests.support import cli

TABLES = ("products", "customers")


@pytest.fixture
def shop(shop_db: str, tmp_path: Path) -> cli.Cli:
    """Two tables from the log, and one that is copied whole."""
    found = cli.config(tmp_path, shop_db, tables=TABLES, more='[sync]\nfeed = "wal"\n')
    with (tmp_path / "config.toml").open("a") as file:
        file.write('[[tables]]\nname = "shop.orders"\nwatermark = "none"\n')
    return found


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def told(shop: cli.Cli) -> dict[str, str]:
    """The troubles of each table, with the next step."""
    return {one["table"]: f"{one['problem']} {one['hint']}" for one in shop("feed", "status", "--json").json["tables"]}


def test_what_stands_in_the_way_is_said_with_the_next_step_and_resync_mends_it(shop: cli.Cli, shop_db: str) -> None:
    assert shop("feed", "status").code == 1
    assert "neaptide track" in told(shop)["shop.products"]
    shop("track").ok()
    shop("sync").ok()
    done = shop("feed", "status", "--json").ok().json
    assert {one["table"]: (one["feed"], one["problem"]) for one in done["tables"]} == {
        "shop.products": ("wal", ""), "shop.customers": ("wal", ""), "shop.orders": ("watermark", ""),
    }  # fmt: skip
    [slot] = done["slots"]
    assert slot["ours"]
    assert "bytes held" in shop("feed", "status").ok().out
    run(shop_db, f"ALTER PUBLICATION {slot['slot']} DROP TABLE shop.products")
    assert "not in the publication" in told(shop)["shop.products"]
    assert told(shop)["shop.customers"].strip() == ""
    run(shop_db, f"SELECT pg_drop_replication_slot('{slot['slot']}')")
    assert "neaptide track" in told(shop)["shop.customers"]
    assert any("neaptide track" in str(one["hint"]) for one in shop("doctor", "--json").json if one["level"] == "fail")
    # Tables that need no log go on.
    assert {one["table"]: bool(one["error"]) for one in shop("sync", "--json").json["tables"]} == {
        "shop.products": True, "shop.customers": True, "shop.orders": False,
    }  # fmt: skip
    shop("feed", "resync", "shop.products", "shop.customers").ok()
    assert shop("feed", "status").code == 0
    assert shop("verify").code == 0


def test_a_slot_of_another_target_is_named_and_how_to_drop_it(shop: cli.Cli, shop_db: str) -> None:
    shop("track").ok()
    shop("sync").ok()
    run(shop_db, "SELECT pg_create_logical_replication_slot('neaptide_0123456789ab', 'pgoutput')")
    done = shop("feed", "status")
    assert done.code == 1
    assert "pg_drop_replication_slot('neaptide_0123456789ab')" in done.err
    run(shop_db, "SELECT pg_drop_replication_slot('neaptide_0123456789ab')")


def test_a_server_without_a_logical_log_is_told_how_to_have_one(shop: cli.Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    shop("track").ok()
    read = slots.read

    def plain(*given: Any) -> slots.Slot:
        return replace(read(*given), wal_level="replica")

    monkeypatch.setattr(slots, "read", plain)
    assert "ALTER SYSTEM SET wal_level = logical" in told(shop)["shop.products"]
    run = {one["table"]: str(one["error"] or "") for one in shop("sync", "--json").json["tables"]}
    assert run["shop.orders"] == ""
    assert "wal_level" in run["shop.products"]
