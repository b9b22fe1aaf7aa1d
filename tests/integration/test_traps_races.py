"""What happens between two steps of a run: the order of the steps is the rule, so each test steps in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs import faults
from jobs.source import connection, position
from tests.support.syncing import Lab
from tests.support.traps import Trio


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


class Between:
    """Runs something once, after the first of some steps of a run, whichever of them comes first."""

    def __init__(self, patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        self._patch, self._act = patch, act
        self.acted = False

    def act(self) -> None:
        if not self.acted:
            self.acted = True
            self._act()

    def after_blocks(self, *names: str) -> None:
        """The statements of sql/sync/source.sql that a run reads one after the other."""
        one = position.one

        def wrapped(conn: connection.Connection, name: str) -> dict[str, Any]:
            found = one(conn, name)
            if name in names:
                self.act()
            return found

        self._patch.setattr(position, "one", wrapped)


def test_a_transaction_that_ends_between_floor_and_snapshot(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the floor read after the snapshot, it would lie above rows that the snapshot does not show."""
    with trio.begin() as late:
        trio.on(late, "UPDATE {t} SET name = 'late' WHERE id = 1", "INSERT INTO {t} VALUES (20, 'late')")
        trio.run("UPDATE {t} SET name = 'other' WHERE id = 2")
        with monkeypatch.context() as patch:
            between = Between(patch, late.commit)
            between.after_blocks("prepared", "snapshot")
            trio.lab.sync()
        assert between.acted
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_a_transaction_that_is_prepared_between_the_two_places_it_may_stand_in(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trio.begin() as late:
        trio.on(late, "UPDATE {t} SET name = 'late' WHERE id = 1")
        trio.run("UPDATE {t} SET name = 'other' WHERE id = 2")
        with monkeypatch.context() as patch:
            between = Between(patch, lambda: late.execute(f"PREPARE TRANSACTION 'slips {id(trio)}'".encode()))
            between.after_blocks("sessions", "prepared")
            trio.lab.sync()
        assert between.acted
        late.rollback()
    trio.run(f"COMMIT PREPARED 'slips {id(trio)}'")
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_a_transaction_that_begins_between_clock_and_sessions(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    with trio.begin() as late:
        trio.run("UPDATE {t} SET name = 'other' WHERE id = 2")
        with monkeypatch.context() as patch:
            between = Between(patch, lambda: trio.on(late, "UPDATE {t} SET name = 'late' WHERE id = 1"))
            between.after_blocks("clock", "sessions")
            trio.lab.sync()
        assert between.acted
        late.commit()
    trio.sync()
    trio.settle()


@contextmanager
def after_the_snapshot(act: Callable[[], object], patch: pytest.MonkeyPatch) -> Iterator[None]:
    with patch.context() as inner:
        Between(inner, act).after_blocks("snapshot")
        yield


def rows(lab: Lab) -> list[list[tuple[str, ...]]]:
    with lab.published() as file:
        found = [file.execute(f"SELECT id::VARCHAR, name FROM {spec['name']}").fetchall() for spec in lab.specs]
    return [sorted(rows, key=repr) for rows in found]


@pytest.mark.each_target
@pytest.mark.few(1)
@pytest.mark.parametrize("full", [False, True], ids=["delta", "copied anew"])
def test_all_tables_are_read_at_one_moment(trio: Trio, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    trio.run("INSERT INTO {t} VALUES (20, 'seen')")
    with trio.lab.connect() as conn:
        expected = [
            sorted(((str(key), name) for key, name in conn.execute(f"SELECT id, name FROM {t}".encode())), key=repr)
            for t in trio.names
        ]
    changes = ("UPDATE {t} SET name = 'too late'", "DELETE FROM {t} WHERE id < 5", "INSERT INTO {t} VALUES (21, 'x')")
    with after_the_snapshot(lambda: trio.run(*changes), monkeypatch):
        trio.lab.sync(full=full)
    assert rows(trio.lab) == expected
    trio.sync()
    trio.settle()


@pytest.mark.each_target
def test_a_truncate_after_the_snapshot_waits_for_the_run(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    """TRUNCATE empties a table for older snapshots too, so the run locks it out before it takes its own."""
    trio.run("INSERT INTO {t} VALUES (20, 'seen')")
    refused: list[str] = []

    def truncate() -> None:
        for name in trio.names:
            with trio.lab.connect() as conn:
                conn.execute("SET lock_timeout = '50ms'")
                try:
                    conn.execute(f"TRUNCATE {name}".encode())
                except psycopg.errors.LockNotAvailable:
                    refused.append(name)

    with after_the_snapshot(truncate, monkeypatch):
        trio.lab.sync()
    assert [len(found) for found in rows(trio.lab)] == [11] * len(trio.names)
    assert refused == list(trio.names)


class Broken(Exception):
    """What a test throws into a run."""


@pytest.mark.each_target
@pytest.mark.few(1)
@pytest.mark.parametrize("point", ["snapshot_joined", "table_done", "before_commit", "after_commit", "before_rename"])
def test_a_run_that_breaks_leaves_rows_and_watermark_together(
    trio: Trio, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def break_there(name: str) -> None:
        if name == point:
            raise Broken

    for turn in range(2):
        trio.run(f"UPDATE {{t}} SET name = 'turn {turn}' WHERE id < 4", f"DELETE FROM {{t}} WHERE id = {8 + turn}")
        with monkeypatch.context() as patch:
            patch.setattr(faults, "point", break_there)
            with suppress(Broken):
                trio.lab.sync()
    trio.sync()
    trio.settle()


OWN_STAMP = (
    "CREATE TABLE own (id int PRIMARY KEY, name text, updated_at timestamptz)",
    "CREATE FUNCTION own_stamp() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.updated_at := pg_catalog.now(); RETURN NEW; END $$",
    "CREATE TRIGGER own_stamp BEFORE INSERT OR UPDATE ON own FOR EACH ROW EXECUTE FUNCTION own_stamp()",
    "ALTER TABLE own ENABLE ALWAYS TRIGGER own_stamp",
    "INSERT INTO own VALUES (1, 'first')",
)


def test_a_row_stamped_at_the_very_floor_is_read(empty_db: str, tmp_path: Path) -> None:
    """The oldest transaction began at the floor, and now() stamps its rows with that very moment."""
    lab = Lab(empty_db, tmp_path, [{"name": "public.own"}])
    lab.run(*OWN_STAMP)
    lab.track()
    lab.sync()
    with lab.connect(autocommit=False) as late:
        late.execute("SELECT now()")
        lab.run("UPDATE own SET name = 'other'")
        lab.sync()
        late.execute("INSERT INTO own VALUES (2, 'at the floor')")
        late.commit()
    for turn in range(3):
        lab.run(f"UPDATE own SET name = 'turn {turn}' WHERE id = 1")
        lab.sync()
        lab.assert_equal()


def test_a_key_from_a_transaction_older_than_the_one_that_deleted_it_outlives_a_tombstone_read_again(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby's snapshot names no running transactions, so tombstones since its xmin are read once more."""
    lab = Lab(empty_db, tmp_path, [{"name": "public.t", "watermark": "xid"}])
    lab.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT g, g FROM generate_series(1, 5) AS g")
    lab.track()
    identity = position.identity
    monkeypatch.setattr(position, "identity", lambda conn: replace(identity(conn), standby=True))
    lab.sync()
    with lab.connect(autocommit=False) as inserts, lab.connect(autocommit=False) as holds:
        for session in (inserts, holds):
            session.execute("SELECT pg_current_xact_id()")
        lab.run("DELETE FROM t WHERE id = 3")
        lab.sync()
        inserts.execute("INSERT INTO t VALUES (3, 30)")
        inserts.commit()
        for turn in range(4):
            lab.run(f"UPDATE t SET n = {turn} WHERE id = 1")
            lab.sync()
            lab.assert_equal()


@pytest.mark.long
def test_a_hung_lock_is_a_clear_error_and_no_loss(trio: Trio) -> None:
    trio.lab.source = {"lock_timeout": "50ms"}
    with trio.begin() as owner:
        owner.execute("LOCK TABLE stamped IN ACCESS EXCLUSIVE MODE")
        [failed] = trio.lab.sync().failed
        assert failed.table == "public.stamped"
        assert "is locked" in (failed.error or "")
        owner.execute("UPDATE stamped SET name = 'locked' WHERE id = 1")
        owner.commit()
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_what_is_being_written_has_no_name_that_readers_open(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    files = trio.lab.job.files
    looked: list[str] = []

    def look(name: str) -> None:
        if name in ("snapshot_joined", "before_commit", "after_checkpoint", "before_rename"):
            looked.append(name)
            assert not any(path.exists() and path.samefile(files.work) for path in (*trio.lab.both, files.link))

    monkeypatch.setattr(faults, "point", look)
    for turn in range(3):
        trio.run(f"UPDATE {{t}} SET name = 'turn {turn}'")
        trio.lab.sync()
    assert len(looked) == 12
