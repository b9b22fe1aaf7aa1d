"""`[read]`: queries and reports on PostgreSQL itself, or on a replica, in place of the file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import neaptide
from app import bootstrap, errors
from tests.support import served, standbys
from tests.support.cli import Cli
from tests.support.standbys import Pair

TABLE = (
    "CREATE TABLE public.item (id bigint PRIMARY KEY, name text, card text,"
    " updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
)
ROWS = "INSERT INTO public.item (id, name, card) VALUES (1, 'one', '4111'), (2, 'two', '5500')"
FILES = {
    "reports/items.sql": "SELECT name, card FROM public.item ORDER BY id",
    "reports/by_name.sql": "SELECT * FROM models.names ORDER BY ALL",
    "models/names.sql": "SELECT name, count(*) AS items FROM public.item GROUP BY ALL",
    "models/many.sql": "SELECT CAST(sum(items) AS BIGINT) AS items FROM models.names",
    "models/odd.sql": "SELECT nothing FROM public.item",
}


def project(folder: Path, url: str, read: str, mask: str = "hash") -> Cli:
    """A project with a masked column, two reports and models of one another."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "config.toml").write_text(
        f'[source]\nurl = "{url}"\n[read]\n{read}\n[sync]\nmask_key = "0123456789abcdef"\n'
        f'[[tables]]\nname = "public.item"\nwatermark = "none"\nmask = {{card = "{mask}"}}\n'
    )
    return Cli(folder)


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


@pytest.fixture
def source(empty_db: str) -> str:
    run(empty_db, TABLE, ROWS)
    return empty_db


def test_without_a_file_everything_that_reads_asks_postgresql(source: str, tmp_path: Path) -> None:
    call = project(tmp_path, source, 'mode = "source"', mask="null")
    assert [row["name"] for row in call("report", "items", "--json").ok().json["rows"]] == ["one", "two"]
    run(source, "DELETE FROM public.item WHERE id = 1")
    assert call("sql", "SELECT id FROM public.item", "--json", "--max-staleness", "0s").ok().json["rows"] == [{"id": 2}]
    assert call("report", "by_name", "--json").ok().json["rows"] == [{"name": "two", "items": 1}]
    assert call("sql", "FROM models.many", "--json").ok().json["rows"] == [{"items": 1}]
    assert {row["name"] for row in call("report", "--json").ok().json} == {"items", "by_name"}
    assert "error" not in call("report", "--json").out
    assert call("report", "--check").ok().out.count("ok") == 2
    listed = call("tables", "--json").ok().json
    assert [row["table"] for row in listed] == ["models.many", "models.names", "public.item"]
    columns = {one["name"]: one for one in call("tables", "item", "--json").ok().json["columns"]}
    assert columns["id"]["postgresql"] == "bigint"
    assert not (tmp_path / "var" / "reporting.duckdb").exists()


def test_the_answers_and_their_types_are_those_of_the_file_and_masks_stay(source: str, tmp_path: Path) -> None:
    call = project(tmp_path, source, 'mode = "file"')
    assert call("sync").code == 1  # one model can't be kept, and costs nobody else anything
    file = call("sql", "FROM public.item ORDER BY id", "--json").ok().json
    model = call("report", "by_name", "--json").ok().json
    call = project(tmp_path, source, 'mode = "source"')
    read = call("sql", "FROM public.item ORDER BY id", "--json").ok().json
    assert (read["columns"], read["rows"]) == (file["columns"], file["rows"])
    assert call("report", "by_name", "--json").ok().json["rows"] == model["rows"]
    assert "4111" not in str(read)
    for attack in ("SELECT card FROM pg.public.item", "FROM postgres_query('pg', 'TABLE item')", "EXPLAIN FROM item"):
        assert call("sql", attack).code != 0


def test_python_and_the_page_follow_the_setting(source: str, tmp_path: Path) -> None:
    project(tmp_path, source, 'mode = "source"', mask="null")
    config = tmp_path / "config.toml"
    with neaptide.open(config, max_staleness="0s") as file:
        assert file.tables() == [("models", "many"), ("models", "names"), ("public", "item")]
        assert [row[0] for row in file.report("items").rows] == ["one", "two"]
    with served.served(bootstrap.load_settings(config)) as page:
        assert page.get("/reports/items.json").json["rows"] == [
            {"name": "one", "card": None}, {"name": "two", "card": None},
        ]  # fmt: skip
        for path in ("/", "/reports", "/reports/items", "/tables", "/tables/public.item", "/sql?q=FROM+item", "/runs"):
            answer = page.html(path)
            assert answer.code == 200, (path, answer.text)
        assert "PostgreSQL itself" in page.html("/").text
        run(source, "UPDATE public.item SET name = 'new' WHERE id = 1")
        found = page.get("/reports/items.json?max_staleness=0s").json["rows"]
        assert [row["name"] for row in found] == ["new", "two"]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ('mode = "sauce"', "source"),
        ('url = "embedded:var/postgres"', "a replica is a server"),
        ('url = "postgresql://a:s3cr3t@x@y/d"', "malformed"),
        ('from = "x"', "unknown key"),
    ],
)
def test_what_the_section_can_t_mean_is_refused(tmp_path: Path, read: str, said: str) -> None:
    done = project(tmp_path, "postgresql://localhost/x", read)("sql", "SELECT 1")
    assert done.code == 2
    assert said in done.err
    assert "s3cr3t" not in done.err


def test_a_server_that_is_no_replica_of_the_source_is_refused(source: str, tmp_path: Path) -> None:
    done = project(tmp_path, source, f'url = "{source}"')("report", "items")
    assert done.code == 2
    assert "[read] url leads to a server that is no replica" in done.err
    assert "hot standby" in done.err


def test_a_replica_that_is_away_is_named_as_such_without_its_password(source: str, tmp_path: Path) -> None:
    away = "postgresql://reader:s3cr3t-word@127.0.0.1:1/shop"
    done = project(tmp_path, source, f'url = "{away}"')("report", "items")
    assert done.code == 1
    assert "the replica: PostgreSQL can't be reached" in done.err
    assert "[read] url" in done.err
    assert "s3cr3t-word" not in done.err + done.out


@pytest.fixture(scope="module")
def servers_of_all() -> Iterator[Pair]:
    with standbys.running() as found:
        yield found


@pytest.fixture
def pair(servers_of_all: Pair) -> Iterator[Pair]:
    with standbys.database(servers_of_all) as found:
        run(found.urls[0], TABLE, ROWS)
        found.caught_up()
        yield found


@pytest.mark.long
def test_a_replica_answers_as_of_its_replay_and_is_waited_for(pair: Pair, tmp_path: Path) -> None:
    call = project(tmp_path, pair.urls[0], f'url = "{pair.urls[1]}"')
    first = call("sql", "FROM public.item ORDER BY id", "--json").ok().json
    assert len(first["rows"]) == 2
    assert "4111" not in str(first)
    with pair.paused():
        before = datetime.now(UTC)
        run(pair.urls[0], "INSERT INTO public.item VALUES (3, 'three')")
        late = call("report", "items", "--json").ok().json
        assert len(late["rows"]) == 2
        assert datetime.fromisoformat(late["as_of"]) < before
        done = call("report", "items", "--max-staleness", "0s", "--timeout", "500ms")
        assert done.code == 1
        assert "the replica did not replay" in done.err
    done = call("report", "items", "--max-staleness", "0s", "--json").ok()
    assert len(done.json["rows"]) == 3
    # Nobody writes, and yet it is known to be as of now, because the source was asked.
    assert datetime.fromisoformat(done.json["as_of"]) > before
    file = project(tmp_path, pair.urls[0], f'mode = "file"\nurl = "{pair.urls[1]}"')
    assert file("report", "items").code == 1  # there is no file
    assert len(file("report", "items", "--live", "--max-staleness", "0s", "--json").ok().json["rows"]) == 3


@pytest.mark.long
def test_another_database_of_the_same_servers_is_no_replica_and_a_known_one_needs_no_source(
    pair: Pair, tmp_path: Path
) -> None:
    other = pair.standby.url("postgres")
    done = project(tmp_path, pair.urls[0], f'url = "{other}"')("report", "items")
    assert done.code == 2
    assert "no replica of this source" in done.err
    away = pair.urls[0].replace(f":{pair.urls[0].rpartition(':')[2].partition('/')[0]}/", ":1/")
    call = project(tmp_path, away, f'url = "{pair.urls[1]}"')
    done = call("report", "items")
    assert done.code == 1
    assert "only the source can say" in done.err
    with neaptide.open(_of(tmp_path, pair), max_staleness=timedelta(0)) as file:
        assert len(file.query("FROM public.item").rows) == 2
    with pytest.raises(errors.SourceUnavailable):
        _read(away, pair, tmp_path, max_staleness="0s")


def _of(folder: Path, pair: Pair) -> Path:
    project(folder, pair.urls[0], f'url = "{pair.urls[1]}"')
    return folder / "config.toml"


def _read(source: str, pair: Pair, folder: Path, **given: str) -> None:
    project(folder, source, f'url = "{pair.urls[1]}"')
    with neaptide.open(folder / "config.toml", **given) as file:
        file.query("FROM public.item")
