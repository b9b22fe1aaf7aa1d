"""`init --source`: a config of several databases is begun, a further one is added, and what it has of new tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app import config
from tests.support import cluster
from tests.support.cli import Cli

ITEM = "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT g, 'x' FROM generate_series(1, 5) g"
ORDERS = 'CREATE SCHEMA "Crm"; CREATE TABLE "Crm".orders (id int PRIMARY KEY); INSERT INTO "Crm".orders VALUES (1)'


@pytest.fixture
def urls(postgres: cluster.Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Two databases with a table of one name; passwords come from the environment."""
    found = {name: postgres.create_database() for name in ("crm", "web")}
    for url in found.values():
        run(url, ITEM)
        monkeypatch.setenv("PGPASSWORD", url.split(":")[2].partition("@")[0])
    yield found
    for url in found.values():
        postgres.drop_database(url)


def run(url: str, script: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(script.encode())


def test_a_config_of_several_sources_is_made_by_one_command_for_each(
    tmp_path: Path, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, path = Cli(tmp_path), tmp_path / "config.toml"
    first = cli("init", "--url", urls["crm"], "--source", "crm").ok()
    assert first.err.endswith("config.toml sync\n")
    path.write_text(f"# kept\n{path.read_text()}")
    path.chmod(0o640)
    before = path.read_text()
    # A URL for [source] is no URL of another source.
    monkeypatch.setenv("NEAPTIDE_SOURCE__URL", urls["crm"])
    refused = cli("init", "--source", "wbe")
    assert refused.code == 2 and "there is no source wbe" in refused.err
    monkeypatch.delenv("NEAPTIDE_SOURCE__URL")
    run(urls["web"], ORDERS)
    added = cli("init", "--url", urls["web"], "--source", "web", "--json").ok()
    assert [one.get("rename") for one in added.json] == [None, "web.item"]
    text = path.read_text()
    assert text.startswith(before.rstrip()) and path.stat().st_mode & 0o777 == 0o640
    password = urls["crm"].split(":")[2].partition("@")[0]
    assert password not in text + added.err + first.err
    assert cli("sync", "--json").ok().json["changed"]
    assert cli("verify").ok()
    # What is new since is added, and what stands there stays.
    run(urls["web"], "CREATE TABLE more (id int PRIMARY KEY)")
    assert [one["name"] for one in cli("init", "--source", "web", "--json").ok().json] == ["public.more"]
    assert path.read_text().startswith(text.rstrip())
    again = cli("init", "--source", "web").ok()
    assert "has all tables of source web" in again.err
    assert [(one.name, one.source) for one in config.load(path).tables] == [
        ("public.item", "crm"), ("Crm.orders", "web"), ("public.item", "web"), ("public.more", "web"),
    ]  # fmt: skip
    refused = cli("init", "--source", "wbe")
    assert refused.code == 2 and "did you mean web?" in refused.err and "NEAPTIDE_SOURCES__WBE__URL" in refused.err
    assert "has another url" in cli("init", "--source", "web", "--url", urls["crm"]).err
    assert "--force replaces" in cli("init", "--source", "web", "--force").err
    assert "with --source NAME" in cli("init", "--url", urls["web"]).err
    assert "letter first" in cli("init", "--source", "9", "--url", urls["web"]).err
    assert "one name" in cli("init", "--source", "WEB", "--url", urls["web"]).err


def test_a_source_is_added_beside_the_one_that_has_no_name(tmp_path: Path, urls: dict[str, str]) -> None:
    cli, path = Cli(tmp_path), tmp_path / "config.toml"
    cli("init", "--url", urls["crm"]).ok()
    cli("sync").ok()
    cli("init", "--url", urls["web"], "--source", "web").ok()
    assert cli("sync", "--json").ok().json["changed"]
    assert {one["table"] for one in cli("status", "--json").json["tables"]} == {"public.item", "web.item"}
    # A file that would not be read any more is not written.
    inline = "sources = []\n" + path.read_text().split("\n[[sources]]")[0]
    path.write_text(inline)
    assert cli("init", "--url", urls["web"], "--source", "web").code == 2
    assert path.read_text() == inline
