"""`neaptide models`: what is said of models, of a file that is to be one, and of what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.support.cli import Cli, config, widest


@pytest.fixture
def project(empty_db: str, tmp_path: Path) -> Cli:
    """A table with a key, synced, and no models yet."""
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA shop")
        conn.execute(
            "CREATE TABLE shop.item (id int PRIMARY KEY, kind text, price numeric(12, 2), "
            "updated_at timestamptz NOT NULL DEFAULT now())"
        )
        conn.execute("INSERT INTO shop.item SELECT n, 'kind ' || n % 3, n FROM generate_series(1, 9) AS n")
    found = config(tmp_path, empty_db, tables=("item",))
    found("track").ok()
    found("sync").ok()
    return found


def write(project: Cli, **texts: str) -> None:
    folder = project.folder / "models"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")


def test_a_new_model_is_one_as_it_is_written(project: Cli) -> None:
    assert "neaptide models new NAME" in project("models").ok().err
    assert "models/items.sql" in project("model", "new", "items").ok().err
    path = project.folder / "models" / "items.sql"
    assert project("models", "--check", str(path), "--json").ok().json["kind"] == "rows"
    assert project("models", "new", "items").code == 2
    for name in ("a-b", "../a", "new", "", "ä"):
        assert project("models", "new", name).code == 2


def test_what_is_wrong_is_said_with_file_line_and_way_out(project: Cli) -> None:
    write(project, clock="SELECT id,\n now() AS t\nFROM shop.item", above="-- key: id\nSELECT id FROM models.clock")
    done = project("models", "--check", str(project.folder / "models" / "clock.sql"))
    assert done.code == 2 and "clock.sql:2: now() gives another value each time" in done.err
    checked = project("models", "--check", str(project.folder / "models" / "above.sql"), "--json")
    assert checked.code == 1 and "it reads models.clock, which can't be kept" in checked.json["error"]
    listed = project("models").ok()
    assert widest(listed.out) <= 80
    assert listed.out.count("failed") == 2 and "leave it to the report" in listed.out


def test_each_kind_is_said_with_its_reason(project: Cli) -> None:
    write(
        project,
        items="-- key: id\nSELECT id, price FROM shop.item",
        kinds="SELECT kind, max(price) AS dearest FROM shop.item GROUP BY ALL",
        sums="SELECT kind, sum(price) AS price FROM shop.item GROUP BY ALL",
        ranks="-- key: id\nSELECT id, rank() OVER (ORDER BY price) AS place FROM shop.item",
    )
    found = {one["name"]: (one["kind"], one["why"]) for one in project("models", "--json").ok().json}
    assert found == {
        "items": ("rows", ""), "kinds": ("groups", "max() can't be taken back"), "sums": ("sums", ""),
        "ranks": ("whole", "rank() over a window"),
    }  # fmt: skip
    explained = project("models", "models.kinds", "--explain").ok().out
    assert "reads shop.item as item" in explained and "group by item.kind" in explained
    project("sync").ok()
    explained = " ".join(project("models", "models.kinds", "--explain").ok().out.split())
    assert "made anew: where more than 1,000 keys may have changed; processor time measured: " in explained
    assert project("models", "kinds", "--json").ok().json["rebuilt_above"] == 1000
    assert project("models", "sums", "--json").ok().json["costs"] is None
    assert widest(project("models").ok().out) <= 80
    missing = project("models", "kind")
    assert missing.code == 2 and "kinds" in missing.err


def test_the_file_s_models_are_listed_beside_its_tables(project: Cli) -> None:
    write(project, items="-- key: id\nSELECT id, price FROM shop.item", sums="SELECT count(*) AS n FROM shop.item")
    project("sync").ok()
    assert {one["table"]: one["rows"] for one in project("tables", "--json").ok().json} == {
        "shop.item": 9, "models.items": 9, "models.sums": 1,
    }  # fmt: skip
    shape = project("tables", "models.items", "--json").ok().json
    assert [(one["name"], one["type"]) for one in shape["columns"]] == [("id", "INTEGER"), ("price", "DECIMAL(12,2)")]
    assert project("sql", "SELECT n FROM models.sums", "--json").ok().json["rows"] == [{"n": 9}]
    built = {one["name"]: one for one in project("models", "--json").ok().json}
    assert all(one["built"] and one["rebuild_seconds"] is not None for one in built.values())
    assert built["items"]["rows_per_input_row"] == 1.0
    assert "models.items" in project("models").ok().out or "items" in project("models").ok().out


def test_a_run_says_which_models_it_kept_made_anew_and_why_one_failed(project: Cli, empty_db: str) -> None:
    write(
        project,
        **{f"copy_{n}": "-- key: id\nSELECT id, price FROM shop.item" for n in range(4)},
        cast="-- key: id\nSELECT id, CAST(kind AS INT) AS kind FROM shop.item",
        ranks="SELECT id, rank() OVER (ORDER BY price) AS place FROM shop.item",
    )
    assert project("sync").code == 1
    with psycopg.connect(empty_db, autocommit=True) as conn:
        # The first goes into the other file, which has no models yet.
        for price in (99, 98):
            conn.execute("UPDATE shop.item SET price = %s WHERE id = 1", [price])
            assert project("sync").code == 1
    told = project("runs").ok().out
    assert "5 models built, 0." in told and ": first build" in told
    assert "4 models kept, 0." in told and "models.ranks rebuilt, 0." in told and "an input changed" in told
    assert "cast.sql:2: DuckDB" in told
    newest = project("runs", "--json").ok().json[0]["models"]
    assert {one["model"]: one["keys"] for one in newest} | {"ranks": 0} == {
        **{f"copy_{n}": 1 for n in range(4)}, "ranks": 0, "cast": 0,
    }  # fmt: skip
