"""Deletes by every road, and keys that come back."""

from __future__ import annotations

import multiprocessing
import resource
from itertools import permutations
from pathlib import Path

import pytest

from app import errors
from jobs.verify import verify
from tests.support.syncing import Lab
from tests.support.traps import Trio, row_counts

pytestmark = pytest.mark.each_target


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


def test_rows_key_changes_and_swapped_keys(empty_db: str, tmp_path: Path) -> None:
    # No log: a deferrable key tells no rows apart there, and PostgreSQL refuses the update.
    trio = Trio.made(empty_db, tmp_path, log=False)
    trio.run("DELETE FROM {t} WHERE id = 1", "UPDATE {t} SET id = 100 WHERE id = 2")
    trio.run("UPDATE {t} SET id = id + 200 WHERE id > 7")
    trio.sync()
    trio.run("ALTER TABLE {t} DROP CONSTRAINT {t}_pkey", "ALTER TABLE {t} ADD PRIMARY KEY (id) DEFERRABLE")
    trio.sync()
    trio.run("UPDATE {t} SET id = 7 - id WHERE id IN (3, 4)")
    run = trio.sync()
    assert row_counts(run)["stamped"][0] == "delta"


def test_a_key_given_away_and_taken_up_in_one_transaction(trio: Trio) -> None:
    with trio.begin() as session:
        trio.on(session, "UPDATE {t} SET id = 50 WHERE id = 1", "UPDATE {t} SET id = 1 WHERE id = 2")
        trio.sync()
        session.commit()
    trio.sync()
    trio.settle()


@pytest.mark.few(1)
@pytest.mark.parametrize("order", list(permutations(("old", "new"))), ids=str)
@pytest.mark.parametrize("synced", [True, False], ids=["synced between", "not synced between"])
def test_a_key_deleted_by_one_transaction_and_inserted_by_another(
    trio: Trio, order: tuple[str, ...], synced: bool
) -> None:
    """Whichever has the lower id, the key that is there at the end stays."""
    with trio.begin() as old, trio.begin() as new:
        for session in (old, new):
            session.execute("SELECT pg_current_xact_id()")
        sessions = {"old": old, "new": new}
        trio.on(sessions[order[0]], "DELETE FROM {t} WHERE id = 5")
        sessions[order[0]].commit()
        if synced:
            trio.sync()
        trio.on(sessions[order[1]], "INSERT INTO {t} VALUES (5, 'again')")
        if synced:
            trio.sync()
        sessions[order[1]].commit()
    trio.sync()
    trio.run("UPDATE {t} SET name = 'other' WHERE id = 6")
    trio.sync()
    trio.settle()


def test_delete_and_insert_of_one_key_in_one_transaction(trio: Trio) -> None:
    with trio.begin() as session:
        trio.on(session, "DELETE FROM {t} WHERE id = 5", "INSERT INTO {t} VALUES (5, 'again')")
        trio.on(session, "INSERT INTO {t} VALUES (6000, 'short')", "DELETE FROM {t} WHERE id = 6000")
        trio.run("UPDATE {t} SET name = 'between' WHERE id = 1")
        trio.sync()
        session.commit()
    trio.sync()
    trio.run("DELETE FROM {t} WHERE id = 5")
    trio.sync()
    trio.settle()


def test_a_tombstone_that_is_read_again_kills_no_row(trio: Trio) -> None:
    """The delete is in two deltas: the second file's, too, when the key is back already."""
    with trio.begin() as holds_xmin:
        holds_xmin.execute("SELECT pg_current_xact_id()")
        trio.run("DELETE FROM {t} WHERE id = 5")
        trio.sync()
        trio.run("INSERT INTO {t} VALUES (5, 'again')")
        trio.sync()
        for name in ("one", "two"):
            trio.run(f"UPDATE {{t}} SET name = '{name}' WHERE id = 1")
            trio.sync()


def stamped(lab: Lab) -> list[tuple[int, str]]:
    """The rows of a table that the source has locked."""
    with lab.published() as file:
        return file.execute("SELECT id, name FROM public.stamped ORDER BY id").fetchall()


def test_truncate_alone_with_rows_after_it_and_in_a_transaction_that_ends_late(trio: Trio) -> None:
    trio.run("TRUNCATE {t}")
    trio.sync(force_deletes=True)
    trio.run("INSERT INTO {t} VALUES (1, 'one'), (2, 'two')")
    trio.sync()
    trio.sync()
    trio.lab.source = {"lock_timeout": "100ms"}
    with trio.begin() as session:
        trio.on(session, "TRUNCATE {t}", "INSERT INTO {t} VALUES (3, 'three')")
        before = stamped(trio.lab)
        with pytest.raises(errors.SourceTimeout):
            trio.lab.sync()
        assert stamped(trio.lab) == before
        session.commit()
    trio.sync(force_deletes=True)
    trio.run("INSERT INTO {t} VALUES (4, 'four')")
    trio.sync()


def test_a_truncate_that_is_rolled_back(trio: Trio) -> None:
    with trio.begin() as session:
        trio.on(session, "TRUNCATE {t}")
        session.rollback()
    assert not trio.sync().changed


def test_a_marker_of_a_truncate_is_enough_to_copy_the_table_anew(trio: Trio) -> None:
    trio.run("INSERT INTO neaptide.tombstone (relid, key) VALUES ('stamped'::regclass, NULL)")
    assert row_counts(trio.sync())["stamped"] == ("full", 10, 0)


TREE = (
    "CREATE TABLE parent (id int PRIMARY KEY, name text)",
    "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE leaf (child int REFERENCES child ON DELETE CASCADE, n int, PRIMARY KEY (child, n))",
    "INSERT INTO parent SELECT g, 'p' FROM generate_series(1, 5) AS g",
    "INSERT INTO child SELECT g, 1 + g % 5 FROM generate_series(1, 20) AS g",
    "INSERT INTO leaf SELECT 1 + g % 20, g FROM generate_series(1, 60) AS g",
)


def test_cascades_reach_the_file(empty_db: str, tmp_path: Path) -> None:
    modes = {"parent": "xid", "child": "updated_at", "leaf": "xid"}
    lab = Lab(empty_db, tmp_path, [{"name": f"public.{name}", "watermark": mode} for name, mode in modes.items()])
    lab.run(*TREE)
    lab.track()
    lab.sync()
    lab.run("DELETE FROM parent WHERE id IN (1, 2)", "UPDATE parent SET id = 30 WHERE id = 3")
    lab.sync()
    lab.assert_equal()
    lab.run(
        "WITH gone AS (DELETE FROM child WHERE id < 9 RETURNING id) INSERT INTO parent SELECT id + 100, 'w' FROM gone"
    )
    lab.sync()
    lab.assert_equal()
    lab.run("TRUNCATE parent CASCADE", "INSERT INTO parent VALUES (1, 'again')")
    lab.sync()
    lab.assert_equal()
    assert lab.file_rows("public.leaf") == []


def many_rows(url: str, folder: Path, count: int) -> Lab:
    """A synced table."""
    lab = Lab(url, folder, [{"name": "public.many"}])
    lab.run(
        "CREATE TABLE many (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())",
        f"INSERT INTO many SELECT g FROM generate_series(1, {count}) AS g",
    )
    lab.track()
    lab.sync()
    return lab


def test_a_great_many_rows_deleted_by_one_statement(empty_db: str, tmp_path: Path) -> None:
    lab = many_rows(empty_db, tmp_path, 250_000)
    lab.run("DELETE FROM many WHERE id <= 200000")
    assert row_counts(lab.sync())["many"] == ("delta", 0, 200_000)
    lab.assert_equal()


@pytest.mark.soak
def test_a_million_rows_deleted_by_one_statement_in_bounded_memory(empty_db: str, tmp_path: Path) -> None:
    lab = many_rows(empty_db, tmp_path, 1_200_000)
    lab.run("DELETE FROM many WHERE id <= 1000000")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        counts, megabytes = pool.apply(sync_alone, [lab])
    print(f"peak of the process that synced: {megabytes} MB")
    assert counts["many"] == ("delta", 0, 1_000_000)
    assert megabytes < 1000
    assert verify.verify(lab.job).equal
    # The other file has the same before it.
    lab.run("UPDATE many SET id = id WHERE id = 1200000")
    lab.sync()
    assert verify.verify(lab.job).equal


def sync_alone(lab: Lab) -> tuple[dict[str, tuple[str, int, int]], int]:
    """One run in a process of its own: what it did, and the most memory the process has had, in MB."""
    counts = row_counts(lab.sync())
    return counts, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
