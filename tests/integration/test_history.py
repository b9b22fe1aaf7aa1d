"""A history holds every version of a row that a run has seen, and no other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app import errors, reporting
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.verify import verify
from tests.support import targets
from tests.support.histories import Replay
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target
ONE_COPY = "a lake has no second copy that could be damaged"
MODES: dict[str, dict[str, Any]] = {
    "stamped": {},
    "counted": {"watermark": "xid"},
    "compared": {"deletes": "compare", "max_delete_share": 1},
    "whole": {"watermark": "none", "max_delete_share": 1},
}


MOVED = "CREATE SCHEMA moved; ALTER TABLE a SET SCHEMA moved"
EARLY, REACHES = "history.stamped_at(TIMESTAMPTZ '2001-01-01')", "history.stamped reaches back to"
_TICK = timedelta(microseconds=1)


def made(url: str, folder: Path, **given: Any) -> Replay:
    """A table for each mode, with a history, synced once."""
    specs = [{"name": f"public.{name}", "history": True, **mode, **given} for name, mode in MODES.items()]
    lab = Lab(url, folder, specs, keep=OpenSessions())
    for name in MODES:
        lab.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, n int, note text)",
            f"INSERT INTO {name} SELECT g, g, 'first' FROM generate_series(1, 5) AS g",
        )
    lab.track()
    replay = Replay(lab, [spec["name"] for spec in specs])
    synced(replay)
    return replay


def synced(replay: Replay, *statements: str, **given: Any) -> None:
    """Write to each table, sync, and compare the histories with the model's."""
    for statement in statements:
        replay.lab.run(*(statement.replace("{t}", name) for name in MODES))
    attempt = replay.begun()
    replay.lab.sync(**given)
    replay.note(attempt)
    replay.checked()


def test_every_version_that_a_run_has_seen_is_there_and_no_other(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    synced(replay, "UPDATE {t} SET n = n + 10 WHERE id < 3")
    synced(replay, "UPDATE {t} SET n = n + 10 WHERE id < 2", "DELETE FROM {t} WHERE id = 5")
    synced(replay, "INSERT INTO {t} VALUES (5, 1, 'again'), (6, 1, 'new')", "UPDATE {t} SET n = n - 10 WHERE id = 1")
    synced(replay, "UPDATE {t} SET n = n")
    synced(replay, "DELETE FROM {t} WHERE id = 6")
    synced(replay, "UPDATE {t} SET id = 60 WHERE id = 2")
    synced(replay)
    synced(replay, "TRUNCATE {t}", "INSERT INTO {t} VALUES (1, 1, 'first')")
    synced(replay, full=True)
    synced(replay, "UPDATE {t} SET note = NULL", full=True)
    synced(replay, "UPDATE {t} SET note = 'x'")


def test_readers_see_what_was_valid_when(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    then = replay.attempts[-1].until
    synced(replay, "UPDATE {t} SET n = 99 WHERE id = 1", "DELETE FROM {t} WHERE id = 2")
    job = replay.lab.job
    with reporting.open(job.files.link, lake=job.settings.lake) as store:
        assert store.query("SELECT id, n FROM history.stamped_at($1) ORDER BY id", [then]).rows[:2] == [(1, 1), (2, 2)]
        assert store.query("SELECT n FROM history.stamped_at(now()) WHERE id = 1").rows == [(99,)]
        found = store.query("SELECT operation, ended_by FROM history.stamped WHERE id = 2").rows
        assert found == [("load", "delete")]
        assert ("history", "stamped") in store.tables()
        for query, words in (
            (f"FROM {EARLY}", REACHES),
            (f"SELECT count(*) FROM {EARLY} WHERE id = 999999", REACHES),
            (f"FROM {EARLY} WHERE note IS NULL AND n = -1", REACHES),
            (f"SELECT 1 WHERE EXISTS (FROM {EARLY} WHERE id = 999999)", REACHES),
            ("FROM history.nothing_at(now())", "is not allowed here"),
        ):
            with pytest.raises(errors.QueryFailed, match=words):
                store.query(query)
    with replay.lab.published() as file:
        assert file.execute("SELECT count(*) FROM history.stamped_at(now()) WHERE n IS NOT NULL").fetchone() == (4,)
        rows = file.execute("SELECT DISTINCT valid_from FROM history.stamped ORDER BY 1").fetchall()
        [begun], [changed] = rows
        for moment, expected in (
            (begun, [1, 2, 3, 4, 5]),
            (changed - _TICK, [1, 2, 3, 4, 5]),
            (changed, [99, 3, 4, 5]),
        ):
            found = file.execute("SELECT list(n ORDER BY id) FROM history.stamped_at($1)", [moment]).fetchone()
            assert found == (expected,), moment
        with pytest.raises(duckdb.Error, match=REACHES):
            file.execute("FROM history.stamped_at($1)", [begun - _TICK])


@pytest.mark.of_files(ONE_COPY)
def test_a_damaged_file_costs_no_history_that_the_other_file_has(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    synced(replay, "UPDATE {t} SET n = 99 WHERE id = 1")
    # In both files.
    synced(replay, "UPDATE {t} SET n = 98 WHERE id = 2", "DELETE FROM {t} WHERE id = 3")
    replay.lab.sync()
    published = replay.lab.job.files.published
    assert published is not None
    assert len(replay.lab.both) == 2
    before = versions(tmp_path, "stamped")
    published.chmod(0o600)
    published.write_bytes(bytes(published.stat().st_size))
    run = replay.lab.sync()
    assert any("histories were taken over from the file before" in one for one in run.warnings), run.warnings
    replay.lab.assert_equal()
    # The last run's versions begin with this one instead, which is said; nothing else is lost.
    assert len(versions(tmp_path, "stamped")) == len(before)
    assert verify.verify(replay.lab.job).equal


@pytest.mark.of_files(ONE_COPY)
def test_where_all_of_it_is_lost_it_is_said(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    for path in replay.lab.both:
        path.chmod(0o600)
        path.write_bytes(bytes(path.stat().st_size))
    run = replay.lab.sync()
    assert any("the histories begin anew" in one for one in run.warnings), run.warnings
    assert {operation for *_, operation in versions(tmp_path, "stamped")} == {"load"}


def versions(folder: Path, name: str) -> list[tuple[Any, ...]]:
    """Key, value and operation of each version."""
    with targets.published(folder) as file:
        return file.execute(f"SELECT id, n, operation FROM history.{name} ORDER BY ALL").fetchall()


def test_verify_compares_and_mends_the_present_versions(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    synced(replay, "UPDATE {t} SET n = 99 WHERE id = 1")
    lost = 'DELETE FROM neaptide."stamped versions" WHERE id = 2'
    targets.altered(replay.lab.job, lost)
    found = {table.table: table for table in verify.verify(replay.lab.job).tables}
    assert found["history of public.stamped"].missing == 1
    assert found["history of public.counted"].equal
    assert not verify.verify(replay.lab.job, repair=True).equal
    assert (2, 2, "repair") in versions(tmp_path, "stamped")
    assert verify.verify(replay.lab.job).equal


def test_what_the_config_says_of_a_history(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(
        empty_db, tmp_path, [{"name": "public.a", "watermark": "none"}, {"name": "public.b", "watermark": "none"}]
    )
    lab.run("CREATE TABLE a (id int PRIMARY KEY, n int)", "CREATE TABLE b (n int)", "INSERT INTO a VALUES (1, 1)")
    lab.sync()
    for spec in lab.specs:
        spec["history"] = True
    failed = {table.table: table.error for table in lab.sync().failed}
    assert list(failed) == ["public.b"]
    assert "the table has none" in str(failed["public.b"])
    assert versions(tmp_path, "a") == [(1, 1, "load")]
    lab.specs[0]["rename_columns"] = {"n": "valid_to"}
    with pytest.raises(errors.ConfigError, match="has a column valid_to of its own"):
        lab.sync()
    del lab.specs[0]["rename_columns"]
    lab.specs[0]["history"] = False
    run = lab.sync()
    assert any("the history of public.a was removed" in one for one in run.warnings)
    with pytest.raises(duckdb.CatalogException):
        versions(tmp_path, "a")


def test_a_history_follows_the_schema_and_shows_nothing_that_is_masked(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a", "watermark": "none", "history": True}])
    lab.run("CREATE TABLE a (id int PRIMARY KEY, n int, mail text)")
    lab.run("INSERT INTO a VALUES (1, 1, 'x@y'), (2, 2, 'z')")
    lab.sync()
    lab.run("UPDATE a SET n = 10, mail = 'new' WHERE id = 1")
    lab.sync()
    lab.run("ALTER TABLE a ALTER n TYPE bigint", "ALTER TABLE a RENAME n TO m", "ALTER TABLE a ADD o int DEFAULT 7")
    lab.sync()
    assert read(tmp_path, "SELECT id, m, o, operation, ended_by FROM history.a ORDER BY id, valid_from") == [
        (1, 1, None, "load", "update"), (1, 10, None, "update", "schema"), (1, 10, 7, "schema", None),
        (2, 2, None, "load", "schema"), (2, 2, 7, "schema", None),
    ]  # fmt: skip
    lab.run("ALTER TABLE a DROP m")
    lab.specs[0]["mask"] = {"mail": "redact"}
    lab.sync()
    assert read(tmp_path, "SELECT id, m, mail, is_current FROM history.a ORDER BY id, valid_from") == [
        (1, 1, None, False), (1, 10, None, False), (1, 10, "***", True), (2, 2, None, False), (2, 2, "***", True),
    ]  # fmt: skip
    assert read(tmp_path, "DESCRIBE FROM history.a_at(now())")[0][0] == "id"
    lab.run("UPDATE a SET o = 8 WHERE id = 1")
    lab.sync()
    assert read(tmp_path, "SELECT m, o FROM history.a WHERE is_current ORDER BY id") == [(None, 8), (2, 7)]
    lab.specs[0]["where"] = "id < 2"
    (table,) = lab.sync().tables
    assert any("its history begins anew: where was changed" in note for note in table.notes)
    assert read(tmp_path, "SELECT id, operation FROM history.a") == [(1, "load")]
    assert verify.verify(lab.job).equal


def test_what_ended_before_the_time_that_is_kept_is_forgotten(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a", "watermark": "none", "history": True}])
    lab.sync_options["history_retention"] = "1ms"
    lab.run("CREATE TABLE a (id int PRIMARY KEY, n int, moment int)", "INSERT INTO a VALUES (1, 1, 7), (2, 2, 8)")
    lab.sync()
    for n in range(4):
        lab.run(f"UPDATE a SET n = {n + 10} WHERE id = 1")
        lab.sync()
    assert read(tmp_path, "SELECT n, is_current FROM history.a ORDER BY valid_from, n") == [
        (2, True), (12, False), (13, True)
    ]  # fmt: skip
    # A column's name is that of the macro's parameter.
    assert read(tmp_path, "SELECT id, moment FROM history.a_at(now()) ORDER BY id") == [(1, 7), (2, 8)]
    with pytest.raises(duckdb.Error, match="reaches back to"):
        read(tmp_path, "FROM history.a_at(TIMESTAMPTZ '2020-01-01')")
    assert verify.verify(lab.job).equal


def read(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What a reader gets."""
    with targets.published(folder) as file:
        return file.execute(query).fetchall()


def test_its_size_and_limit_stand_in_the_status_and_no_model_reads_it(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a", "watermark": "none", "history": True}])
    lab.run("CREATE TABLE a (id int PRIMARY KEY, n int)", "INSERT INTO a VALUES (1, 1), (2, 2)")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.sql").write_text("SELECT id, count(*) AS n FROM history.a GROUP BY id")
    run = lab.sync()
    assert [model.model for model in run.failed_models] == ["m"]
    assert "history.a is a history" in str(run.failed_models[0].error)
    (kept,) = [one for one in report.read_status(lab.job).kept if one.what == "versions of public.a"]
    assert kept.count == 2
    assert "history_retention" in kept.limit


@pytest.mark.long
def test_a_key_that_came_and_went_where_keys_are_compared_has_ended(empty_db: str, tmp_path: Path) -> None:
    """The file that is written when it is gone has never had it."""
    replay = made(empty_db, tmp_path)
    synced(replay, "UPDATE {t} SET n = 9 WHERE id = 1")
    synced(replay, "INSERT INTO {t} VALUES (7, 7)")
    synced(replay, "DELETE FROM {t} WHERE id = 7")
    synced(replay, "INSERT INTO {t} VALUES (8, 8)")


@pytest.mark.few(1)
@pytest.mark.parametrize("given", [{"rename": "main.b"}, {"moved": "ALTER TABLE a RENAME TO b"}, {"moved": MOVED}])
def test_a_table_keeps_its_history_under_another_name(empty_db: str, tmp_path: Path, given: dict[str, str]) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a", "history": True}])
    lab.run("CREATE TABLE a (id int PRIMARY KEY, n int)", "INSERT INTO a VALUES (1, 1), (2, 2)")
    lab.track()
    lab.sync()
    lab.run("UPDATE a SET n = 10 WHERE id = 1")
    lab.sync()
    lab.run(*([given["moved"]] if "moved" in given else []))
    new = "a" if given.get("moved") == MOVED else "b"
    name = {"main.b": "public.a"}.get(given.get("rename", ""), "public.b" if new == "b" else "moved.a")
    lab.specs[0] |= {"name": name} | ({"rename": given["rename"]} if "rename" in given else {})
    lab.track()
    run = lab.sync()
    assert not any("was removed" in one for one in run.warnings)
    assert any("its history is that of public.a" in note for table in run.tables for note in table.notes)
    expected = [(1, 1, "load", "update"), (1, 10, "update", None), (2, 2, "load", None)]
    for n in range(3):
        found = read(tmp_path, f"SELECT id, n, operation, ended_by FROM history.{new} ORDER BY id, valid_from")
        assert found == expected
        assert verify.verify(lab.job).equal
        assert read(tmp_path, f"SELECT count(*) FROM history.{new}_at(now())") == [(2,)]
        lab.run(f"UPDATE {name} SET n = {n} WHERE id = 2")
        lab.sync()
        expected[-1] = (*expected[-1][:3], "update")
        expected.append((2, n, "update", None))
    assert read(tmp_path, "SELECT table_name FROM neaptide.history") == [(given.get("rename", name),)]


def test_a_table_of_the_name_in_another_schema_has_a_history_of_its_own(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a", "watermark": "none", "history": True}])
    lab.run("CREATE TABLE a (id int PRIMARY KEY, n int)", "INSERT INTO a VALUES (1, 1)", "CREATE SCHEMA moved")
    lab.sync()
    lab.run("DROP TABLE a", "CREATE TABLE moved.a (id int PRIMARY KEY, n int)", "INSERT INTO moved.a VALUES (7, 7)")
    lab.specs[0]["name"] = "moved.a"
    for n in range(7, 10):
        lab.run(f"UPDATE moved.a SET n = {n}")
        lab.sync()
        assert verify.verify(lab.job).equal
    assert versions(tmp_path, "a") == [(7, 7, "load"), (7, 8, "update"), (7, 9, "update")]
