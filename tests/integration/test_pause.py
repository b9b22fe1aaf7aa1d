"""Paused tables: they stay as published, the file says how old they are, and nobody forgets what they need unasked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import errors
from jobs.targets import pauses
from jobs.targets.file import work
from jobs.verify import verify
from tests.support.cli import Cli
from tests.support.daemons import running, write_config
from tests.support.syncing import Lab

pytestmark = [pytest.mark.each_feed, pytest.mark.each_target(cases=1)]
TABLE = "CREATE TABLE {} (id bigint PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Two tracked tables of ten rows, synced twice."""
    found = Lab(empty_db, tmp_path, [{"name": "public.a"}, {"name": "public.b"}])
    for name in ("a", "b"):
        found.run(TABLE.format(name), f"INSERT INTO {name} SELECT g, 0 FROM generate_series(1, 10) AS g")
    found.track()
    found.sync()
    found.run("UPDATE a SET v = 1", "UPDATE b SET v = 1")
    found.sync()
    write_config(found)
    return found


def values(lab: Lab, table: str) -> list[tuple[int, int]]:
    with lab.published() as file:
        return file.execute(f"SELECT id, v FROM public.{table} ORDER BY id").fetchall()


def change(lab: Lab, value: int) -> None:
    for name in ("a", "b"):
        lab.run(f"UPDATE {name} SET v = {value}", f"DELETE FROM {name} WHERE id = {value}")


def test_a_paused_table_stays_as_published_and_is_exact_once_it_is_resumed(lab: Lab) -> None:
    neaptide = Cli(lab.folder)
    before, tables = values(lab, "a"), neaptide("status", "--json").json["tables"]
    as_of = {one["table"]: one["as_of"] for one in tables}
    assert "public.a is paused" in neaptide("pause", "public.a").ok().err
    for value in range(2, 6):
        change(lab, value)
        run = neaptide("sync", "--json").ok().json
        assert values(lab, "a") == before and run["as_of"] == as_of["public.a"]
        lab.assert_equal("public.b")
    status = {one["table"]: one for one in neaptide("status", "--json").ok().json["tables"]}
    assert status["public.a"]["last_action"] == "paused" and status["public.a"]["as_of"] == as_of["public.a"]
    assert "paused" in neaptide("status").out and neaptide("pause").out == "public.a\n"
    quiet = neaptide("sync", "--json").ok().json
    assert not quiet["changed"] and quiet["as_of"] == as_of["public.a"]
    neaptide("resume", "public.a").ok()
    change(lab, 7)
    run = neaptide("sync", "--json").ok().json
    assert {one["table"]: one["action"] for one in run["tables"]} == {"public.a": "delta", "public.b": "delta"}
    lab.assert_equal()
    lab.sync()
    lab.assert_equal()


@pytest.mark.few(1)
@pytest.mark.parametrize("full", [False, True])
def test_paused_in_the_config_it_outlives_a_full_copy_a_verify_and_a_change_of_its_schema(lab: Lab, full: bool) -> None:
    before = values(lab, "a")
    lab.specs[0]["paused"] = True
    change(lab, 3)
    lab.run("ALTER TABLE a ADD COLUMN n int")
    run = lab.sync(full=full)
    assert {one.table: one.action for one in run.tables}["public.a"] == "paused" and not run.failed
    assert [one.table for one in verify.verify(lab.job, repair=True).tables] == ["public.b"]
    assert values(lab, "a") == before
    with pytest.raises(errors.Paused, match=r"public\.a is paused"):
        lab.sync(tables=["public.a"])
    del lab.specs[0]["paused"]
    lab.sync()
    lab.assert_equal()


def test_a_caller_that_wants_all_of_it_fresh_is_told_what_is_paused(lab: Lab) -> None:
    neaptide = Cli(lab.folder)
    neaptide("pause", "public.a").ok()
    change(lab, 2)
    done = neaptide("sql", "FROM public.b", "--max-staleness", "0s")
    assert done.code == 1 and "public.a" in done.err and "paused" in done.err


@pytest.mark.long
@pytest.mark.stamps
def test_deleted_keys_that_are_about_to_be_purged_are_told_before(lab: Lab) -> None:
    neaptide = Cli(lab.folder)
    neaptide("pause", "public.a").ok()
    change(lab, 2)
    lab.sync()
    assert not any(one.notes for one in lab.sync().tables)
    write_config(lab, margin='0s"\ntombstone_retention = "1ms')
    status = neaptide("status", "--json")
    assert status.code == 1 and "once it is resumed it is copied anew" in status.json["problems"][0]
    with running(lab.folder / "config.toml") as daemon:
        told = daemon.saw("paused_too_long")
        assert "public.a is paused: keys of rows deleted since" in told["event"]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("pause", "public.aa"), "did you mean public.a"),
        (("pause", "nothing.alike"), "there is no table 'nothing.alike'"),
        (("resume", "public.bb"), "did you mean public.b"),
    ],
)
def test_a_table_that_is_not_there_is_refused_with_the_nearest(lab: Lab, call: tuple[str, ...], told: str) -> None:
    done = Cli(lab.folder)(*call)
    assert done.code == 2 and told in done.err


@pytest.mark.of_files("looks into the note beside it, which a lake has in its catalog")
def test_what_is_no_pause_of_ours_is_none(lab: Lab) -> None:
    path = lab.folder / "reporting.duckdb.paused"
    for text in ("", "[]", '{"tables": {"public.a": 5}}', json.dumps({"tables": {"public.a": "9999-01-01T00:00:00"}})):
        path.write_text(text)
        assert lab.job.paused == frozenset()
    path.write_text(json.dumps({"tables": {"public.a": datetime.now(UTC).isoformat()}}))
    assert lab.job.paused == {"public.a"}
    neaptide = Cli(lab.folder)
    neaptide("resume").ok()
    assert not path.exists() and "nothing was paused" in neaptide("resume").ok().err
    assert "public.a was not paused" in neaptide("resume", "public.a").ok().err
    assert "public.a is paused;" in neaptide("pause", "public.a", "public.a").ok().err
    assert "public.a is paused already" in neaptide("pause", "public.a").ok().err
    config = lab.folder / "config.toml"
    config.write_text(config.read_text().replace('name = "public.a"', 'name = "public.a"\npaused = true'))
    assert neaptide("resume").ok().err == "public.a stays paused: it has paused = true in the config\n"
    write_config(lab, more="")
    config = lab.folder / "config.toml"
    config.write_text(config.read_text() + "paused = true\n")
    done = neaptide("resume", "public.b")
    assert done.code == 2 and "paused = true" in done.err


@pytest.mark.stamps
@pytest.mark.of_files("looks into the note beside it, which a lake has in its catalog")
def test_log_that_is_held_for_a_paused_table_is_told_before_it_is_let_go(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a"}], sync_options={"feed": "wal"})
    lab.run(TABLE.format("a"), "INSERT INTO a VALUES (1, 0)")
    lab.track()
    lab.sync()
    lab.specs[0]["paused"] = True
    before = json.loads(lab.job.files.beside("slot").read_text())["held"]
    lab.run("CREATE TABLE other AS SELECT g FROM generate_series(1, 20000) AS g")
    (one,) = lab.sync().tables
    assert one.action == "paused" and not one.notes
    # As the run found it, although nobody reads the slot.
    note = json.loads(lab.job.files.beside("slot").read_text())
    assert note["held"] > before + 1_000_000
    for held, safe, told in ((800 * 2**20, None, True), (700 * 2**20, None, False), (5, 4, True)):
        lab.job.files.note("slot", note | {"held": held, "safe": safe})
        assert bool(pauses.warnings(lab.job, work.peek(lab.job), ["public.a"], datetime.now(UTC))) == told
    lab.specs[0]["paused"] = False
    lab.sync()
    lab.assert_equal()
