"""What a process keeps of its last run: each change is read once, and nothing that comes between is lost."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from jobs import faults
from jobs.engine.session import DuckSession
from jobs.feeds.changes import Changes
from jobs.run import carry
from jobs.run.deltas import Deltas, Gathered
from jobs.sessions import OpenSessions
from jobs.status import report
from tests.support import runs
from tests.support.syncing import Lab

SPECS: list[dict[str, Any]] = [
    {"name": "public.stamped"},
    {"name": "public.counted", "watermark": "xid"},
    {"name": "public.picked", "where": "n IS DISTINCT FROM 0"},
    {"name": "public.soft", "deletes": "soft", "soft_column": "gone"},
    {"name": "public.blind", "exclude_columns": ["updated_at"]},
    {"name": "public.compared", "deletes": "compare", "max_delete_share": 1},
    {"name": "public.whole", "watermark": "none"},
]
NAMES = tuple(spec["name"].removeprefix("public.") for spec in SPECS)
# The file's rows as far as the source's differ from them by what the config leaves out.
KEPT = {"picked": "n IS DISTINCT FROM 0", "soft": "gone IS NOT TRUE"}


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Iterator[Lab]:
    """Seven tables of twenty rows; the sessions of each sync are those of the last."""
    found = Lab(empty_db, tmp_path, SPECS, keep=OpenSessions(), source={"lock_timeout": "50ms"})
    for name in NAMES:
        found.run(
            f"CREATE TABLE {name} (id int, part text, n int, gone boolean, PRIMARY KEY (id, part))",
            *(["ALTER TABLE blind ADD updated_at timestamptz NOT NULL DEFAULT now()"] if name == "blind" else []),
            f"INSERT INTO {name} SELECT g, 'a', g FROM generate_series(1, 20) AS g",
        )
    found.track()
    for turn in range(3):
        change(found, turn)
        synced(found)
    yield found
    assert found.keep is not None
    found.keep.close()


def change(lab: Lab, number: int, where: str = "id % 7 = 3") -> None:
    """Change a few rows of each table."""
    lab.run(*(f"UPDATE {name} SET n = {1000 + number} WHERE {where}" for name in NAMES))


def synced(lab: Lab) -> dict[str, tuple[int, int, int]]:
    """One run, after which each table holds what it should: rows read, in and out of each."""
    run = lab.sync(force_deletes=True)
    check(lab)
    return {
        table.table.removeprefix("public."): (table.rows_read, table.rows_in, table.rows_out) for table in run.tables
    }


def write(lab: Lab, statement: str, name: str) -> None:
    """The statement on this table, if the table's mode follows such a change: a soft delete is an UPDATE."""
    if name != "soft" or not re.search(r"DELETE|SET id|SET part|VALUES .2", statement):
        lab.run(statement.replace("{t}", name))


def check(lab: Lab) -> None:
    with lab.connect() as conn, duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        for name in NAMES:
            wanted = f"SELECT id, part, n, gone FROM {name} WHERE {KEPT.get(name, 'true')} ORDER BY id, part"
            kept = file.execute(f"SELECT id, part, n, gone FROM public.{name} ORDER BY id, part").fetchall()
            assert kept == conn.execute(wanted.encode()).fetchall(), name


def target(lab: Lab) -> DuckSession:
    """The kept session."""
    assert lab.keep is not None
    found = lab.keep.engine._idle
    assert found is not None
    session: DuckSession = found[0]
    return session


@pytest.fixture
def precedes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables whose changes were handed on from the run before, as they are."""
    seen: list[str] = []
    original = Deltas._merge

    def merge(self: Deltas, gathered: Gathered, earlier: Changes | None, **given: bool) -> Any:
        if earlier:
            seen.append(gathered.step.table.name.removeprefix("public."))
        return original(self, gathered, earlier, **given)

    monkeypatch.setattr(Deltas, "_merge", merge)
    return seen


def test_each_change_is_read_once_although_each_file_is_two_runs_behind(lab: Lab, precedes: list[str]) -> None:
    change(lab, 10, "id = 1")
    found = synced(lab)
    # Three rows of the run before are put into this file as well.
    assert {name: found[name] for name in ("stamped", "counted")} == {"stamped": (1, 4, 0), "counted": (1, 4, 0)}
    assert set(precedes) == {"stamped", "counted", "picked", "soft", "blind"}
    lab.run("UPDATE stamped SET n = 0 WHERE id = 2")
    found = synced(lab)
    assert (found["stamped"], found["counted"]) == ((1, 2, 0), (0, 1, 0))


LATER = (
    ("UPDATE {t} SET n = 7 WHERE id < 4", "UPDATE {t} SET n = id WHERE id < 3"),
    ("UPDATE {t} SET n = 7 WHERE id < 4", "DELETE FROM {t} WHERE id = 2"),
    ("DELETE FROM {t} WHERE id < 4", "INSERT INTO {t} VALUES (2, 'a', 70)"),
    ("INSERT INTO {t} VALUES (50, 'a', 1), (51, 'a', 1)", "DELETE FROM {t} WHERE id = 50"),
    ("UPDATE {t} SET part = 'b' WHERE id = 5", "UPDATE {t} SET part = 'a' WHERE id = 5"),
    ("UPDATE {t} SET id = 100 WHERE id = 5", "UPDATE {t} SET id = 5 WHERE id = 6"),
    ("UPDATE {t} SET n = 0 WHERE id < 4", "UPDATE {t} SET n = 4 WHERE id = 2"),
    ("UPDATE {t} SET n = 4 WHERE id < 4", "UPDATE {t} SET n = 0 WHERE id = 2"),
    ("UPDATE {t} SET gone = true WHERE id < 4", "UPDATE {t} SET gone = false WHERE id = 2"),
    ("UPDATE {t} SET n = 8 WHERE id < 4", "UPDATE {t} SET gone = true WHERE id = 2"),
    ("DELETE FROM {t} WHERE id < 4", "TRUNCATE {t}"),
    ("TRUNCATE {t}", "INSERT INTO {t} VALUES (2, 'a', 70)"),
)


@pytest.mark.long
def test_what_one_run_changed_is_changed_again_by_the_next(lab: Lab, precedes: list[str]) -> None:
    for first, then in LATER:
        for statement in (first, then):
            for name in NAMES:
                write(lab, statement, name)
            synced(lab)
    assert len(precedes) > 3 * len(LATER)


@pytest.mark.long
def test_rows_that_are_read_again_are_handed_on_all_the_same(lab: Lab, precedes: list[str]) -> None:
    """While a transaction is open, rows are read again; that one file has them already says nothing of the other."""
    with lab.connect(autocommit=False) as late:
        late.execute("INSERT INTO stamped VALUES (900, 'a', 1)")
        for turn in range(3):
            lab.run("UPDATE stamped SET n = CASE WHEN n = 5 THEN 6 ELSE 5 END WHERE id < 4")
            synced(lab)
            change(lab, turn)
            synced(lab)
            # As it was, for whoever doesn't look at the stamp: one file has it still, the other took it out.
            lab.run("DELETE FROM blind WHERE id = 2")
            synced(lab)
            lab.run("INSERT INTO blind VALUES (2, 'a', 2)")
            synced(lab)
        late.commit()
    synced(lab)
    change(lab, 99)
    synced(lab)
    assert "stamped" in precedes


class Broken(Exception):
    """What a test throws into a run."""


@pytest.mark.few(1)
@pytest.mark.parametrize("point", ["before_commit", "after_commit", "before_rename"])
def test_a_run_that_breaks_takes_nothing_from_the_next(lab: Lab, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_there(name: str) -> None:
        if name == point:
            raise Broken

    for turn in range(2):
        lab.run(*(f"UPDATE {name} SET n = {-turn - 1} WHERE id = {turn + 1}" for name in NAMES))
        with monkeypatch.context() as patch, pytest.raises(Broken):
            patch.setattr(faults, "point", break_there)
            lab.sync()
        for _ in range(3):
            lab.run(*(f"UPDATE {name} SET n = n + 1 WHERE id = 20" for name in NAMES))
            synced(lab)


def another_process(lab: Lab, point: str = "", *, full: bool = False) -> None:
    """A run of somebody else, or the beginning of one."""
    keep, lab.keep = lab.keep, None
    try:
        runs.ended(lab.job, fault=point, full=full)
    finally:
        lab.keep = keep


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("point", "emptied"),
    [("", False), ("table_loaded", True), ("after_commit", False)],
)
def test_another_process_syncs_or_dies_in_between(lab: Lab, point: str, emptied: bool) -> None:
    change(lab, 20, "id = 4")
    if emptied:
        # Copied anew by that run, and so cheaply that the other file may go on.
        lab.run("TRUNCATE counted", "INSERT INTO counted VALUES (77, 'a', 1)")
    another_process(lab, point)
    for turn in range(3):
        change(lab, 30 + turn, f"id = {turn + 1}")
        synced(lab)
        names = [run["run_id"] for run in report.history(lab.job, 100)]
        assert len(names) == len(set(names))


@pytest.mark.long
def test_a_reader_of_the_spare_and_a_table_that_fails_for_a_while(lab: Lab, precedes: list[str]) -> None:
    with duckdb.connect(str(lab.spare), read_only=True):
        change(lab, 1)
        synced(lab)
    change(lab, 2, "id = 2")
    synced(lab)
    with lab.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE stamped IN ACCESS EXCLUSIVE MODE")
        for turn in range(2):
            lab.run(*(f"UPDATE {name} SET n = {turn} WHERE id = 3" for name in NAMES if name != "stamped"))
            assert [table.table for table in lab.sync().failed] == ["public.stamped"]
    for turn in range(3):
        change(lab, 50 + turn, "id = 8")
        synced(lab)


@pytest.mark.long
def test_the_history_is_whole_in_both_files(lab: Lab) -> None:
    for turn in range(6):
        change(lab, turn, f"id = {turn + 1}")
        lab.sync()
        if turn == 2:
            another_process(lab)
    history = report.history(lab.job, 20)
    assert [run["run_id"] for run in history] == sorted((run["run_id"] for run in history), reverse=True)
    assert len(history) == 9
    assert all(run["seconds"] > 0 and "publish" in run["phases"] for run in history)
    assert all({table["table"] for table in run["tables"]} >= {"public.stamped"} for run in history)


@pytest.mark.long
def test_what_takes_much_room_is_not_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch, precedes: list[str]) -> None:
    change(lab, 1)
    synced(lab)
    assert target(lab).carried is not None
    precedes.clear()
    monkeypatch.setattr(carry, "_SHARE", 10**6)
    for turn in range(3):
        change(lab, turn + 2)
        synced(lab)
        assert target(lab).carried is None
        assert target(lab).one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'temp'") == 0
    assert set(precedes) <= {"stamped", "counted", "picked", "soft", "blind"}


@pytest.mark.long
def test_no_temporary_tables_pile_up(lab: Lab) -> None:
    for turn in range(4):
        change(lab, turn)
        synced(lab)
        lab.sync()
    # Rows and keys of the five tables whose changes are handed on.
    assert target(lab).one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'temp'") == 10


@pytest.mark.long
def test_anything_in_any_order(lab: Lab) -> None:
    luck = random.Random(7)
    statements = [statement for pair in LATER for statement in pair]
    for _ in range(20):
        for _ in range(luck.randrange(4)):
            with suppress(psycopg.errors.UniqueViolation):
                write(lab, luck.choice(statements), luck.choice(NAMES))
        synced(lab)
