"""What happens when somebody changes a tracked table, a type or a key between two runs, or during one."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.source import catalogue
from jobs.status import report
from jobs.tables.table import Table
from jobs.tracking import install
from jobs.verify import verify
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE state AS ENUM ('new', 'old')",
    "CREATE TYPE pair AS (x integer, y text)",
    "CREATE DOMAIN year AS integer CHECK (value BETWEEN 1901 AND 2155)",
)
COLUMNS = """
    id bigint PRIMARY KEY, a text, n integer NOT NULL, mood mood DEFAULT 'ok',
    state state DEFAULT 'new', pair pair DEFAULT ROW (1, 'p'), y year DEFAULT 1999,
    twice integer GENERATED ALWAYS AS (n * 2) STORED, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
"""
# What is done to the table named `t`, and what the run says of it; "" means that the rows are not copied anew.
CHANGES = {
    "added": ("ALTER TABLE t ADD COLUMN b text", "column b added"),
    "added_default": ("ALTER TABLE t ADD COLUMN b integer NOT NULL DEFAULT 7", "column b added"),
    "added_volatile": ("ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid()", "column b added"),
    "added_forgotten": (
        "ALTER TABLE t ADD COLUMN b integer DEFAULT 7; ALTER TABLE t ALTER COLUMN b DROP DEFAULT",
        "column b added",
    ),
    "dropped": ("ALTER TABLE t DROP COLUMN a", "column a dropped"),
    "renamed": ("ALTER TABLE t RENAME COLUMN a TO z", "column a renamed to z"),
    "exchanged": (
        "ALTER TABLE t RENAME COLUMN mood TO m; ALTER TABLE t RENAME COLUMN a TO mood; "
        "ALTER TABLE t RENAME COLUMN m TO a",
        "column a renamed to mood",
    ),
    "replaced": (
        "ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a text DEFAULT 'again'",
        "column a dropped, column a added",
    ),
    "widened": ("ALTER TABLE t DROP COLUMN twice, ALTER COLUMN n TYPE bigint", "column n: integer became bigint"),
    "narrowed": ("ALTER TABLE t DROP COLUMN twice, ALTER COLUMN n TYPE smallint", "column n: integer became smallint"),
    "changed": ("ALTER TABLE t ALTER COLUMN a TYPE integer USING length(a)", "column a: text became integer"),
    "rewritten": ("ALTER TABLE t ALTER COLUMN a TYPE text USING upper(a)", "storage changed"),
    "collated": ('ALTER TABLE t ALTER COLUMN a TYPE text COLLATE "C"', "column a: its collation changed"),
    "regenerated": ("ALTER TABLE t ALTER COLUMN twice SET EXPRESSION AS (n * 3)", "column twice: its expression"),
    "constrained": ("ALTER TABLE t ADD CHECK (n >= 0), ALTER COLUMN a SET NOT NULL", ""),
    "untouched": ("UPDATE t SET a = 'touched' WHERE id = 1", ""),
    "moved": ("ALTER TABLE t RENAME TO moved_away; CREATE TABLE t (LIKE moved_away INCLUDING ALL)", None),
}


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Two tables of three rows, synced by a process that remembers what the catalogue said."""
    return made(Lab(empty_db, tmp_path, [], keep=OpenSessions()), "item", "other")


def made(lab: Lab, *names: str) -> Lab:
    """Tables of these names, tracked and synced."""
    lab.specs.extend({"name": f"public.{name}"} for name in names)
    lab.run(*TYPES, *(f"CREATE TABLE {name} ({COLUMNS})" for name in names))
    lab.run(*(f"INSERT INTO {name} (id, a, n) SELECT g, 'a' || g, g FROM generate_series(1, 3) g" for name in names))
    lab.track()
    lab.sync()
    return lab


@pytest.mark.each_feed
@pytest.mark.few(1)
@pytest.mark.parametrize("keeps", [False, True], ids=["new sessions", "kept sessions"])
def test_every_change_is_found_and_both_files_follow(empty_db: str, tmp_path: Path, keeps: bool) -> None:
    cases = {name: case for name, case in CHANGES.items() if case[1] is not None}
    lab = made(Lab(empty_db, tmp_path, [], keep=OpenSessions() if keeps else None), *cases)
    for name, (change, _) in cases.items():
        with lab.connect() as conn:
            conn.execute(change.replace(" t ", f" {name} ").encode())
    found = {table.table: table.reason for table in lab.sync().tables}
    for name, (_, reason) in cases.items():
        assert reason in found[f"public.{name}"] if reason else found[f"public.{name}"] == "", name
    for turn in range(3):
        lab.assert_equal()
        lab.run(*(f"UPDATE {name} SET n = n + 1 WHERE id = {turn + 1}" for name in cases))
        assert not any(table.error for table in lab.sync().tables)
    lab.assert_equal()
    assert verify.verify(lab.job).equal


def test_what_the_catalogue_says_again_is_not_worked_out_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = catalogue._made

    def made_anew(facts: Any, spec: Any, row: Any, version: str, **given: Any) -> Table:
        asked.append(row["name"])
        return original(facts, spec, row, version, **given)

    monkeypatch.setattr(catalogue, "_made", made_anew)
    lab.run("UPDATE item SET n = 5 WHERE id = 1")
    assert lab.sync().changed
    assert not asked
    lab.run("ALTER TABLE item ADD COLUMN b text")
    assert lab.sync().changed
    assert asked == ["item"]


@pytest.mark.each_feed
def test_what_happens_to_types_is_found_too(lab: Lab) -> None:
    lab.run("ALTER TYPE mood ADD VALUE 'great'", "INSERT INTO item (id, n, mood) VALUES (9, 9, 'great')")
    run = lab.sync()
    assert [(table.action, table.reason) for table in run.tables] == [("delta", ""), ("none", "")]
    lab.assert_equal()
    lab.run("ALTER TYPE state RENAME VALUE 'new' TO 'fresh'")
    assert {table.reason for table in lab.sync().tables} == {"label new renamed to fresh"}
    lab.assert_equal()
    # Both names exist before and after; only what they stand for has changed.
    lab.run(*(f"ALTER TYPE mood RENAME VALUE '{old}' TO '{new}'" for old, new in ROUND))
    assert {table.reason for table in lab.sync().tables} == {"label sad renamed to ok, label ok renamed to sad"}
    lab.assert_equal()
    lab.run("ALTER TYPE pair ADD ATTRIBUTE z integer")
    assert {table.reason for table in lab.sync().tables} == {"column pair: its type's attributes changed"}
    lab.assert_equal()
    lab.run("ALTER DOMAIN year ADD CONSTRAINT round CHECK (value > 1902)")
    assert not lab.sync().changed


ROUND = (("sad", "passing"), ("ok", "sad"), ("passing", "ok"))


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP TABLE item", "the source has no table public.item"),
        ("ALTER TABLE item RENAME TO renamed", "the source has no table public.item"),
        ("CREATE SCHEMA elsewhere; ALTER TABLE item SET SCHEMA elsewhere", "the source has no table public.item"),
        ("DROP TABLE item; CREATE TABLE public.item (id bigint PRIMARY KEY)", "public.item has no column updated_at"),
        ("ALTER TABLE item DISABLE TRIGGER ALL", "no trigger of public.item stamps updated_at"),
        (
            "ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (id, n)",
            "the triggers of public.item were made for another key",
        ),
        ("ALTER TABLE item ENABLE ROW LEVEL SECURITY", None),
    ],
)
def test_a_table_that_can_not_be_synced_stays_as_it_was_and_the_others_go_on(
    lab: Lab, change: str, told: str | None
) -> None:
    lab.run("UPDATE item SET a = 'newer'", "UPDATE other SET a = 'newer'")
    before = lab.sync()
    kept = file_rows(lab, "item")
    with lab.connect() as conn:
        conn.execute(change.encode())
    lab.run("UPDATE other SET a = 'newest'")
    run = lab.sync()
    if told is None:
        # Row-level security does not bind the owner of the table.
        assert not run.failed
        return
    assert [(table.table, told in (table.error or "")) for table in run.failed] == [("public.item", True)]
    assert file_rows(lab, "item") == kept
    lab.assert_equal("public.other")
    # The file is only as fresh as its oldest table, and says why.
    assert run.as_of == before.as_of
    shown = report.read_status(lab.job)
    assert shown.as_of == before.as_of
    assert next((table.table, table.last_action) for table in shown.tables) == ("public.item", "failed")
    assert any(told in problem for problem in shown.problems)
    # The same again is nothing new, and what changes elsewhere still goes on.
    assert not lab.sync().changed
    lab.run("UPDATE other SET a = 'later'")
    assert lab.sync().failed
    lab.assert_equal("public.other")
    assert file_rows(lab, "item") == kept


def file_rows(lab: Lab, name: str) -> list[tuple[object, ...]]:
    """A table of the published file, asked without the source."""
    with lab.published() as file:
        return file.execute(f"SELECT * FROM public.{name} ORDER BY id").fetchall()


def test_a_table_works_again_after_it_was_mended(lab: Lab) -> None:
    lab.run("ALTER TABLE item DISABLE TRIGGER ALL", "UPDATE item SET a = 'unstamped'")
    assert lab.sync().failed
    lab.run("ALTER TABLE item ENABLE TRIGGER ALL")
    install.track(lab.job, [])
    run = lab.sync()
    assert not run.failed
    lab.assert_equal()
    assert not report.read_status(lab.job).problems
    assert not lab.sync().changed


def test_a_table_that_comes_back_as_it_was_says_that_it_works_again(lab: Lab) -> None:
    lab.run("ALTER TABLE item RENAME TO away")
    assert lab.sync().failed
    lab.run("ALTER TABLE away RENAME TO item")
    run = lab.sync()
    assert next((table.table, table.reason) for table in run.tables) == ("public.item", "works again")
    assert run.as_of > lab.sync().started_at.replace(year=2000)
    assert not report.read_status(lab.job).problems


def test_a_misfit_stops_its_table_only(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.bad"}, {"name": "public.good"}])
    lab.run(*(f"CREATE TABLE {n} (id bigint PRIMARY KEY, v numeric(8, 2), updated_at timestamptz)" for n in NAMES))
    lab.track()
    lab.run("INSERT INTO bad VALUES (1, 1)", "INSERT INTO good VALUES (1, 1)")
    lab.sync()
    lab.run("INSERT INTO bad VALUES (2, 'NaN')", "INSERT INTO good VALUES (2, 2)")
    for _ in range(3):
        run = lab.sync()
        assert ["column v, row id = 2" in (table.error or "") for table in run.failed] == [True]
        lab.assert_equal("public.good")
        assert len(lab.file_rows("public.bad")) == 1
        lab.run("UPDATE good SET v = v + 1")
    # Also when all of it is copied anew.
    run = lab.sync(full=True)
    assert [table.table for table in run.failed] == ["public.bad"]
    lab.assert_equal("public.good")
    lab.run("DELETE FROM bad WHERE id = 2")
    assert not lab.sync().failed
    lab.assert_equal()


NAMES = ("bad", "good")


def test_fail_stops_only_the_table_that_changed_until_it_is_taken_over(lab: Lab) -> None:
    lab.sync_options = {"on_schema_change": "fail"}
    lab.run("ALTER TABLE item ADD COLUMN b text", "UPDATE other SET a = 'on'")
    run = lab.sync()
    assert ["column b added" in (table.error or "") for table in run.failed] == [True]
    lab.assert_equal("public.other")
    plan = dryrun.dry_run(lab.job)
    assert [bool(table.error) for table in plan.tables] == [True, False]
    lab.sync(full=True, tables=["public.item"])
    lab.assert_equal()
    lab.run("ALTER TABLE item ADD COLUMN c text")
    lab.specs[0]["on_schema_change"] = "evolve"
    assert not lab.sync().failed
    lab.assert_equal()


@pytest.mark.each_feed
def test_a_pattern_takes_in_what_is_created_and_forgets_what_is_dropped(empty_db: str, tmp_path: Path) -> None:
    lab = made(Lab(empty_db, tmp_path, []), "item", "other")
    lab.specs[:] = [{"name": "public.*", "exclude": ["secret_*"]}]
    lab.run(
        "CREATE TABLE public.secret_a (id int PRIMARY KEY)",
        "CREATE VIEW public.v AS SELECT 1",
        "CREATE TABLE public.plain (x int)",
    )
    assert {table.table: table.reason for table in lab.sync().tables if table.reason} == {"public.plain": "first copy"}
    lab.run("ALTER TABLE other RENAME TO another", "DROP TABLE item", "INSERT INTO plain VALUES (1), (1), (NULL)")
    run = lab.sync()
    assert {table.table for table in run.tables if table.action == "removed"} == {"public.item", "public.other"}
    lab.assert_equal("public.another", "public.plain")


@pytest.mark.parametrize("change", ["ALTER TABLE item ADD COLUMN b integer DEFAULT 5", "DROP TABLE item"])
def test_ddl_waits_for_the_run_and_is_no_part_of_it(lab: Lab, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run("UPDATE item SET a = 'in the run'")
    expected = lab.source_rows("item")
    ddl = threading.Thread(target=lambda: lab.run(change))
    begin_ddl_after_the_snapshot(lab, ddl, monkeypatch)
    run = lab.sync()
    assert not run.failed
    assert [tuple(map(str, row[:3])) for row in file_rows(lab, "item")] == [row[:3] for row in expected]
    ddl.join()


def begin_ddl_after_the_snapshot(lab: Lab, ddl: threading.Thread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start it when the readers join the snapshot, and go on when it waits for the run's lock."""
    from jobs import faults

    def point(name: str) -> None:
        if name == "snapshot_joined" and not ddl.is_alive():
            ddl.start()
            with lab.connect() as conn:
                deadline = time.monotonic() + 60
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                while not conn.execute(waiting.encode()).fetchone()[0]:  # type: ignore[index]
                    assert time.monotonic() < deadline
                    time.sleep(0.01)

    monkeypatch.setattr(faults, "point", point)


def test_a_label_renamed_while_the_run_reads_is_no_part_of_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type can't be locked, so a run that sees its labels change under it begins again."""
    from jobs import faults

    lab.run("UPDATE item SET a = 'new'")

    def point(name: str) -> None:
        if name == "snapshot_joined":
            monkeypatch.undo()
            lab.run("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'")

    monkeypatch.setattr(faults, "point", point)
    run = lab.sync()
    assert "label ok renamed to fine" in {table.reason for table in run.tables}
    lab.assert_equal()
