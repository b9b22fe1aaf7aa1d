"""From a database that is there already to a file that equals it: init, track, dry run, sync, verify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from app import config
from jobs.init import choice
from jobs.tracking import ddl
from tests.support.cli import Cli
from tests.support.samples import MUSIC, RENTAL, SAMPLES, TOOTS, TRADE


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_db: str) -> Cli:
    """The command line in a folder without a config; the URL's password comes from the environment."""
    monkeypatch.setenv("NEAPTIDE_SOURCE__URL", empty_db)
    return Cli(tmp_path)


def execute(url: str, script: str) -> None:
    """A script of several statements, in one transaction."""
    with psycopg.connect(url) as conn:
        conn.execute(script.encode())


def catalogue_state(url: str) -> list[tuple[object, ...]]:
    """Everything that an installation would leave behind."""
    query = """
    SELECT 'class', relname::text FROM pg_class UNION ALL SELECT 'trigger', tgname::text FROM pg_trigger
    UNION ALL SELECT 'function', proname::text FROM pg_proc
    UNION ALL SELECT 'column', attname::text FROM pg_attribute WHERE NOT attisdropped
    """
    with psycopg.connect(url) as conn:
        return sorted(conn.execute(query.encode()).fetchall())


@pytest.mark.few(1)
@pytest.mark.parametrize("name", list(SAMPLES))
def test_a_sample_database_is_followed_after_four_commands(cli: Cli, empty_db: str, name: str) -> None:
    schema, changes = SAMPLES[name]
    execute(empty_db, schema)
    before = catalogue_state(empty_db)
    cli("init", "--track").ok()
    assert catalogue_state(empty_db) == before
    cli("track").ok()
    planned = cli("sync", "--dry-run", "--json").ok().json
    assert {table["action"] for table in planned["tables"]} == {"full"}
    assert cli("status").code == 1
    assert cli("sync", "--json").ok().json["changed"]
    assert cli("verify", "--json").ok().json["equal"]
    execute(empty_db, changes)
    planned = {table["table"]: table for table in cli("sync", "--dry-run", "--json").ok().json["tables"]}
    done = {table["table"]: table for table in cli("sync", "--json").ok().json["tables"]}
    assert not any(table["error"] for table in done.values())
    assert {table["action"] for table in done.values()} <= {"delta", "none"}
    # A trigger that stamps each UPDATE has rows written that stay as they are in the file.
    assert {one: table["deletes"] for one, table in planned.items()} == {one: done[one]["rows_out"] for one in planned}
    assert any(table["deletes"] for table in planned.values())
    assert cli("verify", "--json").ok().json["equal"]
    assert cli("sync", "--json").ok().json["changed"] is False
    cli("untrack").ok()
    assert catalogue_state(empty_db) == before


def test_what_an_orm_stamps_is_not_trusted_and_values_that_do_not_fit_get_a_rule(cli: Cli, empty_db: str) -> None:
    execute(empty_db, TOOTS)
    cli("init", "--track").ok()
    told = entries((cli.folder / "config.toml").read_text())
    for table in ("accounts", "users", "statuses"):
        assert 'watermark = "xid"' in told[f"public.{table}"]
        assert "No trigger keeps updated_at" in " ".join(told[f"public.{table}"].replace("\n# ", " ").split())
    assert 'rules = { "grid" = "text" }' in told["public.statuses"]
    assert "rules" not in told["public.accounts"]


def test_each_choice_has_its_reason(cli: Cli, empty_db: str) -> None:
    execute(empty_db, RENTAL)
    execute(empty_db, TRADE)
    cli("init", "--track").ok()
    text = (cli.folder / "config.toml").read_text()
    told = {name: " ".join(part.replace("\n# ", " ").split()) for name, part in entries(text).items()}
    assert "adds a trigger that stamps both" in told["public.film"]
    assert "fulltext tsvector" in told["public.film"]
    assert 'stamp = "last_update"' in told["public.film"]
    assert "adds one that keeps it in every session" in told["trade.orders"]
    assert "no primary key" in told["trade.notes"]
    assert "inherit from it" in told["trade.places"]
    assert 'key = ["id"]' in told["trade.sessions"]
    assert "payment_p2022_01" not in text
    off = {name for name in told if re.search(rf'^# name = "{re.escape(name)}"', text, re.MULTILINE)}
    assert off == {"public.film_list", "public.rental_by_category", "trade.cities"}
    settings = config.load(cli.folder / "config.toml")
    assert {table.name for table in settings.tables} == set(told) - off


def entries(text: str) -> dict[str, str]:
    """Comment and keys of each table's entry, by name."""
    parts = re.split(r"\n\n", text)
    named = ((re.search(r'name = "(.+)"', part), part) for part in parts)
    return {found[1]: part for found, part in named if found}


def test_only_the_schemas_asked_for(cli: Cli, empty_db: str) -> None:
    execute(empty_db, MUSIC)
    execute(empty_db, TRADE)
    chosen = cli("init", "--schema", "Chinook", "--json").ok().json
    assert {one["name"].split(".")[0] for one in chosen} == {"Chinook"}
    assert cli("init", "--force", "--schema", "nowhere").code == 2


def test_a_log_that_may_be_followed_is_proposed_and_can_be(cli: Cli, empty_db: str) -> None:
    execute(empty_db, "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'x')")
    cli("init", "--track").ok()
    path = cli.folder / "config.toml"
    text = path.read_text()
    assert text.count('# feed = "wal"') == 1
    path.write_text(
        re.sub(r"^(watermark|deletes) = .*\n", "", text.replace('# feed = "wal"', 'feed = "wal"'), flags=re.M)
    )
    cli("track").ok()
    cli("sync").ok()
    assert [one["feed"] for one in cli("feed", "status", "--json").ok().json["tables"]] == ["wal"]


def test_a_config_that_is_there_is_not_overwritten(cli: Cli, empty_db: str) -> None:
    execute(empty_db, MUSIC)
    (cli.folder / "config.toml").write_text("# mine\n")
    done = cli("init")
    assert done.code == 2
    assert "--force" in done.err
    assert (cli.folder / "config.toml").read_text() == "# mine\n"
    cli("init", "-o", str(cli.folder / "other.toml")).ok()
    cli("init", "--force").ok()
    assert "[[tables]]" in (cli.folder / "config.toml").read_text()


def test_a_password_is_only_written_when_asked_for(cli: Cli, empty_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(empty_db, MUSIC)
    password = urlsplit(empty_db).password or ""
    monkeypatch.delenv("NEAPTIDE_SOURCE__URL")
    path = cli.folder / "config.toml"
    done = cli("init", "--url", empty_db).ok()
    assert password not in path.read_text() + done.out + done.err
    assert "NEAPTIDE_SOURCE__URL" in path.read_text()
    cli("init", "--url", empty_db, "--force", "--with-password").ok()
    assert password in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_what_can_not_be_synced_is_commented_out_with_the_way_out(cli: Cli, postgres, empty_db: str) -> None:  # type: ignore[no-untyped-def]
    execute(empty_db, TRADE)
    role = f"reader_{empty_db.rsplit('_', 1)[1][:12]}"
    execute(empty_db, f"CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT USAGE ON SCHEMA trade TO {role}")
    execute(empty_db, f"GRANT SELECT ON trade.orders, trade.notes TO {role}")
    execute(empty_db, "ALTER TABLE trade.notes ENABLE ROW LEVEL SECURITY")
    try:
        url = re.sub("//[^@]+@", f"//{role}:reader@", empty_db)
        cli("init", "--url", url).ok()
        told = entries((cli.folder / "config.toml").read_text().replace("\n# ", "\n#\n").replace("#\n", ""))
        assert "GRANT SELECT" in " ".join(told["trade.customers"].split())
        assert "BYPASSRLS" in " ".join(told["trade.notes"].split())
        assert [table.name for table in config.load(cli.folder / "config.toml").tables] == ["trade.orders"]
    finally:
        execute(empty_db, f"DROP OWNED BY {role}; DROP ROLE {role}")


@contextmanager
def reader(url: str, *schemas: str) -> Iterator[str]:
    """The URL of a role that may only SELECT what there is in these schemas."""
    role = f"reader_{url.rsplit('_', 1)[1][:12]}"
    grants = "".join(
        f'GRANT USAGE ON SCHEMA "{name}" TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA "{name}" TO {role};'
        for name in schemas
    )
    execute(url, f"CREATE ROLE {role} LOGIN PASSWORD 'reader'; {grants}")
    try:
        yield re.sub("//[^@]+@", f"//{role}:reader@", url)
    finally:
        execute(url, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_role_that_may_only_select_syncs_at_once(cli: Cli, empty_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No trigger, no grant, no edit: each sample's changes are in the file after the next run."""
    monkeypatch.setattr(choice, "_BYTES", 1e6)
    execute(empty_db, "".join(schema for schema, _ in SAMPLES.values()))
    with reader(empty_db, "public", "trade", "Chinook") as url:
        monkeypatch.setenv("NEAPTIDE_SOURCE__URL", url)
        done = cli("init").ok()
        assert f"next: neaptide --config {cli.folder / 'config.toml'} sync" in done.err
        assert "You may read all of it" in " ".join(done.out.split())
        assert "neaptide init --track --force" in done.out
        text = (cli.folder / "config.toml").read_text()
        assert {table.watermark for table in config.load(cli.folder / "config.toml").tables} == {"none"}
        assert re.search(r"# compared whole: 1\.\d MB a run, about 1\.\d s; track: 20 ms", text)
        assert "neaptide track --print " not in text
        cli("sync").ok()
        execute(empty_db, "".join(changes for _, changes in SAMPLES.values()))
        assert cli("sync", "--json").ok().json["changed"]
        assert cli("verify", "--json").ok().json["equal"]
        cli("init", "--track", "--force").ok()
        assert "track --print --role reader_" in cli("init", "--track", "--force").ok().err
        # Once the DBA has been there, the tracked modes are what a reader can do at once.
        monkeypatch.setenv("NEAPTIDE_SOURCE__URL", empty_db)
        cli("track").ok()
        role = url.split("//")[1].split(":")[0]
        execute(
            empty_db,
            f"GRANT USAGE ON SCHEMA neaptide TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA neaptide TO {role}",
        )
        monkeypatch.setenv("NEAPTIDE_SOURCE__URL", url)
        done = cli("init", "--force").ok()
        assert "followed by triggers that are there" in done.out
        assert "track" not in done.err
        cli("sync").ok()


def test_names_that_differ_only_in_case_get_another_name(cli: Cli, empty_db: str) -> None:
    execute(empty_db, 'CREATE TABLE public."Item" (id int PRIMARY KEY); CREATE TABLE public.item (id int PRIMARY KEY)')
    execute(empty_db, "CREATE SCHEMA temp; CREATE TABLE temp.t (id int PRIMARY KEY); INSERT INTO temp.t VALUES (1)")
    cli("init").ok()
    assert {table.name: table.rename for table in config.load(cli.folder / "config.toml").tables} == {
        "public.Item": None, "public.item": "public.item_2", "temp.t": "source_temp.t",
    }  # fmt: skip
    cli("track").ok()
    cli("sync").ok()
    assert cli("verify", "--json").ok().json["equal"]


def test_the_index_of_a_big_table_is_built_while_others_write(
    cli: Cli, empty_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ddl, "BIG", 0)
    execute(empty_db, "CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 90000)")
    cli("init", "--track").ok()
    script = cli("track", "--print").ok().out
    assert script.index("COMMIT;") < script.index("CREATE INDEX CONCURRENTLY")
    # A build that was cut short leaves an index that PostgreSQL does not use.
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("ALTER TABLE t ADD COLUMN sync_xid xid8 DEFAULT '0'")
        name = f"neaptide_xid_{conn.execute('SELECT %s::regclass::oid', ['public.t']).fetchone()[0]}"  # type: ignore[index]
        conn.execute(f"CREATE INDEX {name} ON t (sync_xid)".encode())
        conn.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
        cli("track").ok()
        valid = conn.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [name]).fetchone()
        assert valid == (True,)
        cli("track").ok()
    cli("sync").ok()
    assert cli("verify", "--json").ok().json["equal"]
