"""`neaptide demo`, from nothing: an embedded PostgreSQL, orders, a sync, three reports; and once more."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.oltp.embedded.server import EmbeddedServer
from tests.support import cli, served
from tests.support.cli import Cli, widest


@pytest.fixture
def fresh(open_folder: Path) -> Iterator[Cli]:
    """A folder with a space in its name, and nothing but the sample config in it."""
    text = (cli.ROOT / "config.toml").read_text().replace('"sql/reports"', f'"{cli.ROOT / "sql" / "reports"}"')
    (open_folder / "config.toml").write_text(text)
    yield Cli(open_folder)
    EmbeddedServer(open_folder / "var/postgres").remove()


def test_the_whole_path_from_nothing_and_again(fresh: Cli) -> None:
    first = fresh.process("demo", "--orders", "150").ok()
    assert "150 placed" in first.err and "As of 20" in first.out and widest(first.out) <= 80
    for title in ("Sales per month, EUR", "Top products, EUR", "Sales by country, EUR"):
        assert title in first.out
    counts = _counts(fresh)
    assert counts["orders"] == 150
    again = fresh("demo", "--orders", "150").ok()
    assert "150 generated orders were there, 0 placed" in again.err
    assert _without_time(again.out) == _without_time(first.out)
    assert _counts(fresh) == counts
    more = fresh("demo", "--orders", "200").ok()
    assert "150 generated orders were there, 50 placed" in more.err
    assert _counts(fresh)["orders"] == 200
    assert fresh("verify").code == 0
    assert fresh("db", "status", "--json").ok().json["running"] is True
    fresh("db", "stop").ok()
    assert fresh("db", "status").code == 1
    # Reports don't need the server, and don't start it.
    fresh("report", "sales_monthly").ok()
    assert fresh("status").ok().out
    assert fresh("db", "status").code == 1


@pytest.mark.long
def test_ctrl_c_in_the_middle_leaves_nothing_half_placed(fresh: Cli) -> None:
    process = fresh.begun("demo", "--orders", "200000", stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while _placed(fresh) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in err
    placed = _placed(fresh)
    assert placed > 0 and placed % 500 == 0
    assert f"{placed:,} generated orders were there" in fresh("demo", "--orders", "500").ok().err


def _placed(there: Cli) -> int:
    """How many orders are committed, asked of PostgreSQL itself; 0 while it isn't up."""
    with suppress(Exception), psycopg.connect(EmbeddedServer(there.folder / "var/postgres").url()) as conn:
        row = conn.execute("SELECT count(*) FROM shop.orders").fetchone()
        return int(row[0]) if row else 0
    return 0


def _counts(there: Cli) -> dict[str, Any]:
    return {
        name: there("sql", f"SELECT count(*) AS n FROM shop.{name}", "--json").ok().json["rows"][0]["n"]
        for name in cli.TABLES
    }


def _without_time(text: str) -> str:
    return re.sub(r"As of .* ago\)\.", "", text)


@pytest.mark.long
def test_without_a_config_it_makes_a_project_of_its_own(open_folder: Path) -> None:
    (open_folder / "config.toml").write_text('[source]\nurl = "postgresql://me@db.example.com/mine"\n')
    demo = open_folder / "neaptide-demo"
    there = Cli(open_folder)
    try:
        done = there.process("demo", "--orders", "20").ok()
        assert "cd neaptide-demo" in done.err and "neaptide db stop" in done.err
        inside = Cli(demo)
        assert "sales_monthly" in inside.process("report").ok().out
        (demo / "reports" / "mine.sql").write_text("SELECT 1 AS one")
        (demo / "reports" / "sales_daily.sql").write_text("SELECT 2 AS two")
        there.process("demo", "--orders", "20").ok()
        assert "one" in inside.process("report", "mine").ok().out
        assert "two" in inside.process("report", "sales_daily").ok().out
    finally:
        EmbeddedServer(demo / "var/postgres").remove()


def test_nothing_makes_a_server_in_passing(fresh: Cli) -> None:
    for call in (["sync"], ["verify"], ["db", "migrate"], ["product", "create", "A", "B", "1"], ["daemon"]):
        done = fresh(*call)
        assert done.code == 1 and "neaptide db start" in done.err, (call, done.err)
    assert not (fresh.folder / "var").exists()


@pytest.mark.bench
def test_the_default_demo_takes_less_than_90_seconds(fresh: Cli) -> None:
    started = time.monotonic()
    fresh.process("demo").ok()
    assert time.monotonic() - started < 90


@pytest.mark.long
@pytest.mark.parametrize("feed", ["wal", "events"])
def test_a_feed_is_shown_at_work_and_stays_in_the_config(fresh: Cli, feed: str) -> None:
    done = fresh.process("demo", "--orders", "50", "--feed", feed).ok()
    assert len(re.findall(r"a report has it [\d,]+ ms after the commit", done.out)) == 8 and "median" in done.out
    assert f'feed = "{feed}"' in (fresh.folder / "config.toml").read_text()
    assert {one["feed"] for one in fresh("feed", "status", "--json").ok().json["tables"]} == {feed}
    assert fresh("verify").code == 0


@pytest.mark.long
def test_a_dual_write_is_shown_at_work_and_stays_in_the_config(fresh: Cli) -> None:
    done = fresh.process("demo", "--orders", "50", "--feed", "dual").ok()
    assert len(re.findall(r"written in [\d,]+ ms, and a report has it at once", done.out)) == 8 and "median" in done.out
    assert re.search("^dual = true", (fresh.folder / "config.toml").read_text(), re.MULTILINE)
    assert fresh("verify").code == 0
    fresh.process("demo", "--orders", "50", "--feed", "watermark").ok()
    assert re.search("^dual = false", (fresh.folder / "config.toml").read_text(), re.MULTILINE)


@pytest.mark.long
def test_served_it_shows_orders_as_they_come_in(fresh: Cli) -> None:
    running = fresh.begun("demo", "--orders", "20", "--serve")
    try:
        assert running.stderr is not None
        address = next(found[0] for line in running.stderr if (found := re.search(r"http://[\d.:]+", line)))
        page = served.Page(int(address.rpartition(":")[2]))
        until = time.monotonic() + 60
        while _orders(page) <= 21:
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0


def _orders(page: served.Page) -> int:
    with suppress(OSError):
        return int(page.get("/sql.json?q=SELECT+count(*)+AS+n+FROM+shop.orders").json["rows"][0]["n"])
    return 0
