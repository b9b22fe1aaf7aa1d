"""What a person gets for a mistake: a line that says what and what next, exit 1 or 2, and nothing half written."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support import cli
from tests.support.cli import Cli, Done


def told(done: Done, *words: str, code: int) -> None:
    """An error and a hint on stderr, with these words in them, and nothing else."""
    assert done.code == code, done
    assert done.out == ""
    first, *rest = done.err.splitlines()
    assert first.startswith("error: ") and "Traceback" not in done.err and "bug in Neaptide" not in done.err
    assert any(line.startswith("hint: ") for line in rest), done.err
    for word in words:
        assert word in done.err, done.err


def with_config(tmp_path: Path, text: str) -> Cli:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    return Cli(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[source]\nurl = "embedded:x"\nuser = "me"\n', ("source.user", "unknown key")),
        ('[sourc]\nurl = "embedded:x"\n', ("sourc", "unknown key")),
        ('[schedule]\nevery = "soon"\n', ("schedule.every", "soon", "10s")),
        ('[source]\nurl = "mysql://u:geheim@h/d"\n', ("source", "url", "postgresql://")),
        ('[source]\nurl = "postgresql://u:geheim@h:port/d"\n', ("source", "url", "malformed")),
        ('[source]\nurl = "postgresql://u:ge/heim@h/d"\n', ("source", "url", "malformed")),
        ("[source\n", ("config.toml",)),
        ('[[tables]]\nname = "shop.orders"\nwatermark = "luck"\n', ("tables[0].watermark of shop.orders", "luck")),
    ],
)
def test_a_mistake_in_the_config_names_file_key_and_value(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    done = with_config(tmp_path, text)("status")
    assert done.code == 2 and done.err.startswith("error: ") and "Traceback" not in done.err
    for word in ("config.toml", *words):
        assert word in done.err
    assert "geheim" not in done.err and "heim" not in done.err


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("statsu",), ("'statsu'", "did you mean status?")),
        (("order", "plce"), ("plce", "place")),
        (("status", "--jsn"), ("--jsn", "--json")),
        (("sync", "--config", "x.toml"), ("--config stands before the command", "neaptide --config … sync")),
        (("order", "list", "--quiet"), ("--quiet stands before the command", "neaptide --quiet … order list")),
    ],
)
def test_a_near_miss_is_named(tmp_path: Path, call: tuple[str, ...], words: tuple[str, ...]) -> None:
    told(with_config(tmp_path, "")(*call), *words, code=2)


def test_called_without_anything_it_shows_what_there_is(tmp_path: Path) -> None:
    done = Cli(tmp_path).process()
    assert done.code == 0 and "Usage: neaptide" in done.out and done.err == ""


def test_a_variable_that_is_no_setting_is_said(tmp_path: Path) -> None:
    known = with_config(tmp_path, '[target]\npath = "x.duckdb"\n[[tables]]\nname = "a"\n')
    assert "NEAPTIDE_TARGT" in known.process("runs", NEAPTIDE_TARGT="x").err
    done = known.process("runs", NEAPTIDE_TARGET_PATH="x")
    assert done.code == 2 and "NEAPTIDE_TARGET__PATH" in done.err


def test_no_config_at_all_says_how_to_get_one(tmp_path: Path) -> None:
    told(Cli(tmp_path)("sync"), "config.toml does not exist", code=2)


@pytest.mark.parametrize("call", [("sync",), ("verify",), ("product", "create", "A", "B", "1")])
def test_a_server_that_is_down_is_said_and_the_next_step(tmp_path: Path, call: tuple[str, ...]) -> None:
    there = cli.config(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    there.folder.joinpath("var").mkdir()
    done = there(*call)
    assert done.code == 1 and done.err.startswith("error: ") and "Traceback" not in done.err
    assert call == ("verify",) or "can't be reached" in done.err
    assert "hint: " in done.err
    assert not list((tmp_path / "var").glob("*.duckdb"))


@pytest.mark.parametrize(
    "call", [("sync",), ("--verbose", "sync"), ("product", "create", "A", "B", "1"), ("db", "migrate")]
)
def test_a_wrong_password_is_never_printed(tmp_path: Path, shop_db: str, call: tuple[str, ...]) -> None:
    user, _, rest = shop_db.removeprefix("postgresql://").partition(":")
    url = f"postgresql://{user}:hunter2%40secret@{rest.partition('@')[2]}"
    done = cli.config(tmp_path, url).process(*call)
    assert done.code == 1 and "refused the login" in done.err
    for secret in ("hunter2", "secret"):
        assert secret not in done.err + done.out


def test_a_password_of_the_environment_is_not_printed_either(tmp_path: Path, shop_db: str) -> None:
    there = cli.config(tmp_path, "embedded:var/postgres")
    done = there.process("sync", NEAPTIDE_SOURCE__URL=f"postgresql://u:hunter2secret@{shop_db.partition('@')[2]}")
    assert done.code == 1 and "hunter2" not in done.err


def test_a_missing_table_is_named(tmp_path: Path, shop_db: str) -> None:
    there = cli.config(tmp_path, shop_db, tables=("products", "prodcuts"))
    done = there("sync")
    assert done.code in (1, 2) and "shop.prodcuts" in done.err and "Traceback" not in done.err
    assert not (tmp_path / "var/reporting.duckdb").exists()


def test_a_table_that_the_config_does_not_name_is_refused(tmp_path: Path, shop_db: str) -> None:
    there = cli.config(tmp_path, shop_db, tables=("products",))
    there("track").ok()
    done = there("sync", "--table", "shop.nothing")
    assert done.code in (1, 2) and "shop.nothing" in done.err


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("report", "sales_monhtly"), ("sales_monhtly", "sales_monthly")),
        (("report", "sales_monthly", "-p", "months=many"), ("months", "many", "integer")),
        (("report", "sales_monthly", "-p", "from=31.12.2025"), ("from", "31.12.2025", "2026-02-28")),
        (("report", "sales_monthly", "-p", "mnths=3"), ("mnths", "months")),
        (("report", "sales_monthly", "-p", "months"), ("KEY=VALUE",)),
        (("sql", "DELETE FROM shop.orders"), ("DELETE", "reading")),
        (("sql", "SELECT 1; SELECT 2"), ("2 statements",)),
        (("sql", "SELECT 1", "--max-staleness", "soon"), ("soon", "10s")),
        (("product", "list", "--sort", "colour"), ("colour", "sku")),
        (("product", "create", "A", "B", "cheap"), ("cheap", "12.50")),
        (("order", "place", "nobody", "--item", ":2"), ("':2'", "PRODUCT[:QUANTITY")),
        (("verify", "--sample", "0"), ("0",)),
        (("demo", "--data", "nothing.parquet"), ("nothing.parquet",)),
        (("synx",), ("synx",)),
        (("sync", "--fast"), ("--fast",)),
        (("db", "start"), ("embedded",)),
    ],
)
def test_a_wrong_call_is_exit_2_with_the_next_step(shown: Cli, call: tuple[str, ...], words: tuple[str, ...]) -> None:
    told(shown(*call), *words, code=2)


def test_a_query_that_fails_says_why(shown: Cli) -> None:
    done = shown("sql", "SELECT nothing FROM shop.orders")
    assert done.code == 1 and done.err.startswith("error: ") and "nothing" in done.err and done.out == ""


@pytest.mark.parametrize("what", ["order", "product", "customer"])
def test_what_the_reporting_file_does_not_know_is_exit_1(shown: Cli, what: str) -> None:
    told(shown(what, "show", "X-404"), "X-404", "--max-staleness 0s", code=1)


def test_no_reporting_file_yet(neaptide: Cli) -> None:
    told(neaptide("report", "sales_monthly"), "neaptide sync", code=1)
    told(neaptide("product", "list"), "neaptide sync", code=1)


@pytest.mark.few(1)
@pytest.mark.parametrize("damage", [b"", b"not a database", b"\x00" * 20000])
def test_a_corrupt_reporting_file_is_said_and_a_sync_mends_it(neaptide: Cli, damage: bytes) -> None:
    neaptide("sync").ok()
    path = (neaptide.folder / "var/reporting.duckdb").resolve()
    path.unlink()
    path.write_bytes(damage)
    told(neaptide.process("report", "sales_monthly"), "reporting.duckdb", "neaptide sync", code=1)
    assert neaptide("sync").code == 0
    neaptide("report", "sales_monthly").ok()


def test_a_full_disk_is_said_and_leaves_the_published_file_as_it_was(neaptide: Cli, shop_db: str) -> None:
    neaptide("product", "create", "MUG-1", "Blue mug", "7.50").ok()
    neaptide("sync").ok()
    with psycopg.connect(shop_db) as conn:
        conn.execute(
            "INSERT INTO shop.products (id, sku, name, unit_price, currency, status, version) "
            "SELECT gen_random_uuid(), 'S' || n, md5(n::text), 1, 'EUR', 'active', 1 FROM generate_series(1, 60000) n"
        )
    done = _with_little_room(neaptide, "sync")
    assert done.code == 1 and "Traceback" not in done.err and "bug in Neaptide" not in done.err, done.err
    assert "room" in done.err or "space" in done.err, done.err
    assert "hint: " in done.err
    assert neaptide("sql", "SELECT count(*) AS n FROM shop.products", "--json").ok().json["rows"] == [{"n": 1}]
    neaptide("sync").ok()
    assert neaptide("verify").code == 0


def _with_little_room(there: Cli, *call: str) -> Done:
    """The call, in a process that may not write any file beyond 1 MB."""
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # noqa: E731
    done = subprocess.run(
        there.command(*call), cwd=there.folder, env=there.env(), capture_output=True, text=True, check=False,
        preexec_fn=limit, timeout=60,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_t_be_written_is_said(neaptide: Cli) -> None:
    (neaptide.folder / "var").mkdir(mode=0o500)
    told(neaptide("sync"), "var", code=1)


@pytest.mark.each_feed
def test_a_file_of_somebody_else_in_the_targets_place_is_left_alone(neaptide: Cli) -> None:
    (neaptide.folder / "var").mkdir(exist_ok=True)
    mine = neaptide.folder / "var/reporting.duckdb"
    mine.write_text("mine")
    told(neaptide("sync"), "reporting.duckdb", code=1)
    assert mine.read_text() == "mine"
