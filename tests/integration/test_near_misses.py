"""What is typed almost right is answered with what was meant, and a config that means nothing with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from tests.support.cli import Cli


@pytest.fixture
def cli(empty_db: str, tmp_path: Path) -> Cli:
    with psycopg.connect(empty_db) as conn:
        conn.execute("CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int PRIMARY KEY)")
    return written(tmp_path, empty_db, 'name = "public.orders"', 'name = "public.items"')


def written(folder: Path, url: str, *tables: str) -> Cli:
    entries = "".join(f'[[tables]]\nwatermark = "none"\n{table}\n' for table in tables)
    (folder / "config.toml").write_text(f'[source]\nurl = "{url}"\n{entries}', encoding="utf-8")
    return Cli(folder)


def test_a_table_that_is_almost_right_is_named(cli: Cli) -> None:
    cli("sync").ok()
    for name in ("ordrs", "orders", "public.ordrs", "Orders", "shop.orders", "odrers"):
        for command in (
            ["sync", "--table"], ["sync", "--dry-run", "--table"], ["verify", "--table"], ["track"], ["untrack"],
        ):  # fmt: skip
            done = cli(*command, name)
            assert (done.code, "did you mean public.orders" in done.err) == (2, True), (command, name, done.err)
    for command in (["tables"], ["pause"], ["backfill", "--where", "true"]):
        done = cli(*command, "itmes")
        assert (done.code, "did you mean public.items?" in done.err) == (2, True), (command, done.err)
    assert "did you mean public.items?" in cli("sql", "FROM itmes").err
    assert "`neaptide status` lists them" in cli("sync", "--table", "quite.another").err


def test_a_config_without_tables_takes_nothing_from_the_file(cli: Cli, empty_db: str) -> None:
    cli("sync").ok()
    for tables in ((), ('name = "pblic.*"',)):
        written(cli.folder, empty_db, *tables)
        for command in (["sync"], ["sync", "--dry-run"], ["verify"], ["daemon"], ["status"])[: 5 if not tables else 3]:
            done = cli(*command)
            assert done.code in (1, 2), command
            assert "[[tables]]" in done.err
        assert cli("sql", "FROM public.orders").code == 0
        cli("untrack", "--print").ok()


def test_words_in_the_wrong_place_are_told_where_they_belong(cli: Cli) -> None:
    (cli.folder / "reports").mkdir()
    (cli.folder / "reports/late.sql").write_text("-- param: days integer = 3 | how many\nSELECT $days AS n")
    for words, told in (
        (["sync", "items"], "neaptide sync --table items"),
        (["verify", "items"], "neaptide verify --table items"),
        (["report", "late", "days=4"], "neaptide report late -p days=4"),
        (["report", "late", "--days", "4"], "neaptide report late -p days=…"),
        (["report", "late", "-p", "days=4", "-p", "days=5"], "the parameter days is given 2 times"),
        (["init", "postgresql://me:geheim@host/db"], "hint: the database is named by an option: neaptide init --url …"),
    ):
        done = cli(*words)
        assert (done.code, told in done.err, "geheim" in done.err) == (2, True, False), (words, done.err)


def test_a_dry_run_calls_that_failed_which_a_sync_would_fail_on(cli: Cli, empty_db: str) -> None:
    cli.folder.joinpath("config.toml").write_text(
        f'[source]\nurl = "{empty_db}"\n[[tables]]\nname = "public.items"\nwatermark = "xid"\n'
    )
    tried, done = cli("sync", "--dry-run"), cli("sync")
    assert (tried.code, done.code) == (1, 1)
    assert "public.items  failed" in tried.out


def test_a_login_that_lacks_a_password_says_how_to_give_it(cli: Cli, empty_db: str) -> None:
    for url in (re.sub(":[^:@]+@", "@", empty_db), re.sub(":[^:@]+@", ":wrong@", empty_db)):
        written(cli.folder, url, 'name = "public.orders"')
        done = cli("sync")
        assert done.code == 1
        assert "PGPASSWORD" in done.err
        assert "~/.pgpass" in done.err
    assert "no password given" in cli("init", "--url", re.sub(":[^:@]+@", "@", empty_db), "--force").err
    told = cli("init", "--url", "mysql://host/x", "--force").err
    assert told.startswith("error: the url must begin with postgresql://")
