"""Every command from outside: help, exit codes, what goes to stdout and what to stderr."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click
import duckdb
import psycopg
import pytest

from app import cli
from jobs.beside.names import Names
from jobs.targets.file import lock
from tests.support.cli import ROOT, Cli, widest


def _all(
    command: click.Command = cli.root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _all(found, (*path, name))


COMMANDS = dict(_all())
NAMED = [pytest.param(path, command, id=" ".join(path) or "neaptide") for path, command in COMMANDS.items()]


@pytest.mark.parametrize(("path", "command"), NAMED)
def test_every_command_has_help_with_an_example_that_it_can_read(path: tuple[str, ...], command: click.Command) -> None:
    text = command.get_help(click.Context(command, info_name="neaptide"))
    assert command.help and command.examples  # type: ignore[attr-defined]
    assert widest(text.split("\nExample")[0]) <= 80 and command.get_short_help_str(70).endswith(".")
    for line in command.examples:  # type: ignore[attr-defined]
        assert line in text
        words = shlex.split(line)
        assert words[: len(path) + 1] == ["neaptide", *path], line
        _parse(words[1:])


def _parse(words: list[str]) -> None:
    """Every option and argument of an example is one that its command takes."""
    command: click.Command = cli.root
    context = click.Context(command, info_name="neaptide")
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name, words)


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    heavy = "import sys; from app import cli; cli.run(['--help']); print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(found.stdout.splitlines()[-1].split())
    assert not loaded & {"duckdb", "sqlalchemy", "psycopg", "pydantic", "rich", "alembic"}


def test_tables_fit_80_columns(shown: Cli) -> None:
    for call in (
        ("status",), ("tables",), ("tables", "orders"), ("runs",), ("verify",),
        ("sync",), ("sync", "--dry-run"), ("report",), ("sql", "FROM shop.orders LIMIT 3"),
        ("product", "list"), ("customer", "list"), ("order", "show", "D-000002"), ("payment", "list", "D-000002"),
    ):  # fmt: skip
        lines = shown(*call).ok().out.replace(f"{shown.folder}/", "")
        assert lines and widest(lines) <= 80, f"{call}\n{lines}"


def test_every_report_fits_80_columns(shown: Cli) -> None:
    listed = shown("report", "--json").ok().json
    assert len(listed) >= 9
    for one in listed:
        done = shown("report", one["name"]).ok()
        assert widest(done.out) <= 80 and "As of 20" in done.out, done.out


def test_json_parses_on_every_command_that_reports(shown: Cli) -> None:
    assert shown("status", "--json").ok().json["tables"]
    assert [one["table"] for one in shown("tables", "--json").ok().json][:1] == ["shop.customers"]
    assert shown("tables", "shop.orders", "--json").ok().json["columns"][0]["postgresql"] == "uuid"
    assert shown("verify", "--json").ok().json["equal"] is True
    assert "as_of" in shown("sync", "--json").ok().json
    assert shown("sync", "--dry-run", "--json").ok().json["tables"]
    assert shown("report", "sales_monthly", "--json").ok().json["rows"]
    assert shown("sql", "SELECT 1 AS one", "--json").ok().json["rows"] == [{"one": 1}]
    assert len(shown("product", "list", "--json", "--size", "3").ok().json["items"]) == 3
    assert shown("product", "show", "D-001", "--json").ok().json["sku"] == "D-001"
    assert shown("order", "show", "D-000002", "--json").ok().json["items"]
    assert isinstance(shown("payment", "list", "D-000002", "--json").ok().json, list)
    assert shown("customer", "list", "--json").ok().json["total"] > 10


def test_data_goes_to_stdout_and_the_rest_to_stderr(shown: Cli) -> None:
    done = shown("report", "sales_monthly", "--format", "csv").ok()
    assert done.out.startswith("month,currency,orders") and "As of" not in done.out
    assert "As of" in done.err
    assert shown("--quiet", "product", "list").ok().err == ""


def test_sql_reads_its_statement_from_stdin(shown: Cli) -> None:
    done = shown.process("sql", "-", "--format", "csv", typed="-- é\nSELECT count(*)\nFROM shop.products;\n").ok()
    assert re.fullmatch(r"count_star\(\)\n\d+\n", done.out)
    refused = shown.process("sql", "-")
    assert refused.code == 2 and "no statement" in refused.err


def test_a_write_prints_the_callers_id_and_a_read_says_how_old_it_is(neaptide: Cli) -> None:
    neaptide("sync").ok()
    product = neaptide("product", "create", "MUG-1", "Blue mug", "7.50").ok().out.strip()
    assert UUID(product).version == 7
    assert neaptide("product", "show", "MUG-1").code == 1
    seen = neaptide("product", "show", "MUG-1", "--max-staleness", "0s").ok()
    assert "Blue mug" in seen.out and "As of" in seen.err


@pytest.mark.each_feed
def test_an_order_goes_from_placed_to_returned(neaptide: Cli) -> None:
    product = neaptide("product", "create", "MUG-1", "Blue mug", "7.50").ok().out.strip()
    other = neaptide("product", "create", "MUG-2", "Red mug", "5.00").ok().out.strip()
    customer = neaptide("customer", "register", "C-1", "Ana Lima", "--country", "Portugal").ok().out.strip()
    neaptide("customer", "address", customer, "--country", "Portugal", "--city", "Braga").ok()
    order = neaptide("order", "place", customer, "--item", f"{product}:2", "--number", "N-1").ok().out.strip()
    neaptide("order", "add", order, f"{other}:1@4.50").ok()
    neaptide("order", "add", order, other).ok()
    neaptide("order", "remove", order, "3").ok()
    neaptide("payment", "process", order, "10").ok()
    assert neaptide("payment", "process", order, "10").code == 1
    neaptide("payment", "process", order, "9.50", "--method", "transfer").ok()
    neaptide("order", "ship", order).ok()
    neaptide("order", "return", order, "1", "1", "--reference", "R-1").ok()
    found = neaptide("order", "show", "N-1", "--json", "--max-staleness", "0s").ok().json
    assert (found["order"]["status"], found["order"]["total"]) == ("shipped", 19.5)
    assert [(item["sku"], item["quantity"], item["returned_quantity"]) for item in found["items"]] == [
        ("MUG-1", 2, 1),
        ("MUG-2", 1, 0),
    ]
    assert len(found["payments"]) == 2 and len(found["returns"]) == 1
    assert neaptide("order", "list", "C-1", "--json").ok().json["total"] == 1


def test_the_write_side_takes_the_names_that_people_use(neaptide: Cli) -> None:
    neaptide("product", "create", "MUG-1", "Blue mug", "7.50").ok()
    neaptide("customer", "register", "C-1", "Ana Lima", "--country", "Portugal").ok()
    neaptide("customer", "address", "C-1", "--country", "Portugal", "--city", "Braga").ok()
    neaptide("product", "price", "MUG-1", "8.00").ok()
    neaptide("order", "place", "C-1", "--item", "MUG-1:2", "--number", "N-1").ok()
    neaptide("order", "add", "N-1", "MUG-1:1@5").ok()
    neaptide("payment", "process", "N-1", "21.00").ok()
    neaptide("order", "ship", "N-1").ok()
    neaptide("order", "return", "N-1", "1", "1").ok()
    shown = neaptide("order", "show", "N-1", "--max-staleness", "0s").ok().out
    assert "Ana Lima" in shown and "C-1" in shown and "Blue mug" in shown
    listed = neaptide("order", "list").ok().out
    assert "N-1" in listed and "Ana Lima" in listed and widest(listed) <= 80
    for call in (
        ("order", "ship", "N-2"),
        ("product", "price", "MUG-2", "1"),
        ("order", "place", "C-2", "--item", "MUG-1"),
    ):
        done = neaptide(*call)
        assert done.code == 1 and "there is no" in done.err and "bug" not in done.err
    priced = neaptide("product", "price", "MUG-1", "-7.50")
    assert priced.code == 2 and "-7.50 is below zero" in priced.err


@pytest.mark.each_feed
def test_products_change_and_a_cancelled_order_is_refunded(neaptide: Cli) -> None:
    product = neaptide("product", "create", "MUG-1", "Blue mug", "7.50").ok().out.strip()
    customer = neaptide("customer", "register", "C-1", "Ana", "--country", "Portugal").ok().out.strip()
    order = neaptide("order", "place", customer, "--item", product, "--number", "N-1").ok().out.strip()
    neaptide("payment", "process", order, "5").ok()
    neaptide("order", "cancel", order).ok()
    neaptide("product", "rename", product, "Large blue mug").ok()
    neaptide("product", "price", product, "8").ok()
    neaptide("product", "discontinue", product).ok()
    refused = neaptide("order", "place", customer, "--item", product)
    assert refused.code == 1 and refused.err == "error: MUG-1 is discontinued\n"
    neaptide("sync").ok()
    assert [one["kind"] for one in neaptide("payment", "list", "N-1", "--json").ok().json] == ["payment", "refund"]
    found = neaptide("product", "show", "MUG-1", "--json").ok().json
    assert (found["name"], found["unit_price"], found["status"]) == ("Large blue mug", 8, "discontinued")


def test_a_financing_is_simulated_and_shown(neaptide: Cli) -> None:
    made = neaptide(
        "financing", "simulate", "100.00", "--rate", "0", "--instalments", "3", "--first-due", "2027-01-31"
    ).ok().out.strip()  # fmt: skip
    found = neaptide("financing", "show", made, "--max-staleness", "0s", "--json").ok().json
    assert [one["principal"] for one in found["schedule"]] == [33.33, 33.33, 33.34]
    assert [one["due_date"] for one in found["schedule"]] == ["2027-01-31", "2027-02-28", "2027-03-31"]
    assert widest(neaptide("financing", "show", made).ok().out) <= 80


@pytest.mark.each_feed
def test_max_staleness_of_nothing_sees_every_commit_before_it(neaptide: Cli) -> None:
    for number in range(3):
        before = datetime.now(UTC)
        neaptide("product", "create", f"P-{number}", "A thing", "1.00").ok()
        found = neaptide("sql", "SELECT count(*) AS n FROM shop.products", "--json", "--max-staleness", "0s").ok().json
        assert found["rows"] == [{"n": number + 1}]
    assert before <= datetime.fromisoformat(found["as_of"]) <= datetime.now(UTC)


@pytest.mark.each_feed
def test_verify_says_what_differs_and_repairs_it(neaptide: Cli) -> None:
    neaptide("product", "create", "MUG-1", "Blue mug", "7.50").ok()
    neaptide("sync").ok()
    with duckdb.connect((neaptide.folder / "var/reporting.duckdb").resolve()) as file:
        file.execute("UPDATE shop.products SET name = 'Something else'")
    done = neaptide("verify", "--json")
    assert (done.code, done.json["equal"]) == (1, False)
    assert [one["different"] for one in done.json["tables"] if one["table"] == "shop.products"] == [1]
    told = neaptide("verify")
    assert "different" in told.out and "name" in told.out and widest(told.out) <= 80
    assert neaptide("verify", "--repair").code == 1
    assert neaptide("verify").code == 0


def test_another_run_under_way_is_exit_75_with_no_wait(shown: Cli) -> None:
    with lock.locked(Names(shown.folder / "var/reporting.duckdb")):
        done = shown("sync", "--no-wait")
    assert done.code == 75 and done.err.startswith("error: ") and "Traceback" not in done.err


def test_ctrl_c_is_exit_130_without_a_traceback(shown: Cli) -> None:
    process = shown.begun("status", "--watch")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "")


def test_a_reader_that_leaves_early_is_no_error(shown: Cli) -> None:
    line = f"{shlex.join(shown.command('sql', 'SELECT * FROM range(200000)', '--format', 'csv'))} | head -1"
    done = subprocess.run(
        line, shell=True, cwd=shown.folder, env=shown.env(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "range\n" and "rror" not in done.stderr


def test_no_colour_unless_it_is_a_terminal(shown: Cli) -> None:
    assert "\x1b" not in shown("report", "sales_monthly").ok().out
    assert "\x1b" not in shown("report", "nonsense").err
    assert "\x1b" in _on_terminal(shown, "report", "nonsense")
    assert "\x1b" not in _on_terminal(shown, "report", "nonsense", NO_COLOR="1")


def _on_terminal(shown: Cli, *arguments: str, **env: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        shown.command(*arguments), cwd=shown.folder, env=shown.env(**env), stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    process.wait(timeout=60)
    found = os.read(ours, 100_000).decode()
    os.close(ours)
    return found


def test_amounts_with_too_many_decimals_are_refused_not_rounded(neaptide: Cli) -> None:
    done = neaptide("product", "create", "MUG-1", "Blue mug", "7.505")
    assert done.code == 2 and "7.51" in done.err


def test_the_version_is_the_packages() -> None:
    done = Cli(ROOT).process("--version").ok()
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(r'^version = "(.*)"', text, re.M)
    assert found is not None and done.out == f"neaptide {found[1]}\n"


def test_db_says_how_the_source_is_reached(shown: Cli, tmp_path: Path) -> None:
    done = shown("db", "status")
    assert done.code == 2 and "embedded" in done.err
    assert ":***@" in shown("db", "url").ok().out


@pytest.mark.each_feed
def test_a_loss_of_many_rows_is_taken_over_when_asked(tmp_path: Path, empty_db: str) -> None:
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("CREATE TABLE t AS SELECT id FROM generate_series(1, 10) AS id")
        conn.execute("ALTER TABLE t ADD PRIMARY KEY (id)")
        there = Cli(tmp_path)
        (tmp_path / "config.toml").write_text(
            f'[source]\nurl = "{empty_db}"\n[[tables]]\nname = "t"\nwatermark = "xid"\ndeletes = "compare"\n'
        )
        there("track").ok()
        there("sync").ok()
        conn.execute("DELETE FROM t WHERE id > 1")
    refused = there("sync")
    assert refused.code == 1
    assert "neaptide sync --force-deletes" in refused.out + refused.err
    there("sync", "--force-deletes").ok()
    assert there("sql", "SELECT count(*) AS n FROM t", "--format", "csv").ok().out == "n\n1\n"
