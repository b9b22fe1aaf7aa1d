"""Tables and columns of any name: proposed, copied, shown and told about, one beside the other."""

from __future__ import annotations

import csv
import io
import json
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app import bootstrap
from app.face import tables
from jobs import quoting
from jobs.targets.file import compact
from tests.support import cluster
from tests.support.cli import Cli
from tests.support.syncing import Lab

NAMES = [
    '5" disk', '"', '""', '"x"', '"."', "a\nb", "\n", "a\r\nb", "a\x01b", "\x1b[2J\x1b]0;owned\x07", "a\x7fb",
    "a\x9bb", "a\u202eb", "a\u200bb", "a\u00a0b", "\t", " ", " a ", "a.b", ".", "..", "a*b", "a\\b", "\\n", "it's",
    "a#b", "a'''b", "[[tables]]", "# no comment", "$$", "%s", "{}", "ü€😀", "x" * 63, "--", "/*", ";", "NULL", "select",
    "🏴\u200d☠️",
]  # fmt: skip


class Odd(NamedTuple):
    """The command line after `init` and `sync`, and all that these said."""

    cli: Cli
    said: str


@pytest.fixture(scope="module")
def odd(postgres: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Odd]:
    url, folder = postgres.create_database(), tmp_path_factory.mktemp("odd")
    made = [
        f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY, v text); INSERT INTO {quoted} VALUES (1, 'one'), (2, NULL)"
        for quoted in map(quoting.identifier, NAMES)
    ]
    Lab(url, folder, []).run(*made, 'CREATE SCHEMA "a\nschema""s" CREATE TABLE plain (id int PRIMARY KEY)')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEAPTIDE_SOURCE__URL", url)
        cli = Cli(folder)
        done = [cli("init").ok(), cli("sync").ok()]
        yield Odd(cli, "".join(one.out + one.err for one in done))
    postgres.drop_database(url)


def _acting(text: str) -> set[str]:
    """What would act on a terminal, or hide in it."""
    return {char for char in text if not char.isprintable() and char != "\n"}


def test_every_table_is_proposed_copied_and_compared(odd: Odd) -> None:
    text = (odd.cli.folder / "config.toml").read_text(encoding="utf-8")
    assert not _acting(text + odd.said)
    proposed = tomllib.loads(text)["tables"]
    assert len(proposed) == len(NAMES) + 1
    assert {quoting.split_name(table["name"])[1] for table in proposed} == {*NAMES, "plain"}
    compared = odd.cli("verify").ok()
    assert not _acting(compared.out + compared.err)


def test_status_tells_of_each_and_knows_the_size_of_those_it_can_ask_for(odd: Odd) -> None:
    shown = odd.cli("status").ok()
    assert not _acting(shown.out)
    assert "\\x1b[2J\\x1b]0;owned\\x07" in shown.out and "a\\nb" in shown.out
    told = {table["table"]: table for table in odd.cli("status", "--json").ok().json["tables"]}
    assert {table["rows"] for name, table in told.items() if not name.endswith("plain")} == {2}
    for name, table in told.items():
        assert (table["bytes"] is None) == ('"' in "".join(quoting.split_name(name))), name
    job = bootstrap.job(bootstrap.load_settings(odd.cli.folder / "config.toml"), start=False)
    assert job.files.published is not None
    assert 0 < compact.alive(job, job.files.published) <= 1


def test_each_can_be_asked_for_and_reads_back(odd: Odd) -> None:
    with bootstrap.reporting_file(bootstrap.load_settings(odd.cli.folder / "config.toml")) as store:
        for name in NAMES:
            quoted = quoting.identifier(name)
            result = store.query(f"SELECT {quoted}, v FROM public.{quoted} ORDER BY 1")
            assert result.columns == (name, "v")
            for kind in ("table", "markdown"):
                assert not _acting(tables.render(result, kind)), name
            written = tables.render(result, "jsonl")
            assert json.loads(written.split("\n")[0]) == {name: 1, "v": "one"}
            assert not {char for char in written if unicodedata.category(char) == "Cc"} - {"\n"}
            assert next(csv.reader(io.StringIO(tables.render(result, "csv"), newline=""))) == [name, "v"]


def test_an_error_shows_a_name_escaped(odd: Odd) -> None:
    for sql in ('FROM public."\x1b[2Jgone"', 'SELECT "\x1b[2J\u202egone"', "SELECT error('\x1b[2J\x9b')", "SELEC \x1b"):
        failed = odd.cli("sql", sql)
        assert failed.code == 1 and not _acting(failed.err), sql
        assert "\\x1b" in failed.err
    failed = odd.cli("sync", "--table", "public.\x1b[2Jgone")
    assert failed.code != 0 and "\\x1b[2J" in failed.err and not _acting(failed.err)


@pytest.mark.long
@pytest.mark.each_feed
def test_changes_of_each_are_followed(empty_db: str, tmp_path: Path) -> None:
    quoted = [quoting.qualified("public", name) for name in NAMES]
    lab = Lab(empty_db, tmp_path, [{"name": name} for name in quoted])
    lab.run(
        *(
            f"CREATE TABLE {table} ({quoting.identifier(name)} int PRIMARY KEY, v text);"
            f" INSERT INTO {table} VALUES (1, 'one'), (2, NULL), (3, 'three')"
            for table, name in zip(quoted, NAMES, strict=True)
        )
    )
    lab.track()
    lab.sync()
    keys = list(zip(quoted, map(quoting.identifier, NAMES), strict=True))
    lab.run(
        *(f"UPDATE {table} SET v = 'two' WHERE {key} = 2; DELETE FROM {table} WHERE {key} = 1" for table, key in keys)
    )
    run = lab.sync()
    assert {(one.action, one.rows_in, one.rows_out, one.error) for one in run.tables} == {("delta", 1, 1, None)}
    lab.assert_equal()
    lab.run(*(f"TRUNCATE {table}; INSERT INTO {table} VALUES (4, 'four')" for table, _ in keys))
    lab.sync()
    lab.assert_equal()
