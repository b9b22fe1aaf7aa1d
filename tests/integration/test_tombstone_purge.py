"""Old tombstones go; a file that still needed them finds that out."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import conninfo

from jobs.job import Job
from jobs.tracking import purge
from tests.support.syncing import Lab
from tests.support.traps import Trio, row_counts


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table; tombstones are kept for an hour."""
    found = Trio.made(empty_db, tmp_path)
    found.lab.sync_options = {"tombstone_retention": timedelta(hours=1)}
    return found


def count(lab: Lab) -> int:
    with lab.connect() as conn:
        row = conn.execute("SELECT count(*) FROM neaptide.tombstone").fetchone()
        assert row is not None
        return int(row[0])


def grow_old(trio: Trio) -> None:
    trio.run("UPDATE neaptide.tombstone SET deleted_at = deleted_at - interval '2 h'")


def test_only_tombstones_older_than_the_retention_go(trio: Trio) -> None:
    trio.run("DELETE FROM {t} WHERE id < 4")
    for turn in range(2):
        trio.run(f"UPDATE {{t}} SET name = 'both files have them: {turn}' WHERE id = 9")
        trio.sync()
    assert purge.purge(trio.lab.job).gone == 0
    grow_old(trio)
    trio.run("DELETE FROM {t} WHERE id = 4")
    assert purge.purge(trio.lab.job).gone == 6
    assert count(trio.lab) == 2
    action, _, rows_out = row_counts(trio.sync())["stamped"]
    assert (action, rows_out) == ("delta", 1)


def test_tombstones_that_a_running_transaction_may_not_see_yet_stay(trio: Trio) -> None:
    with trio.begin() as old:
        old.execute("SELECT pg_current_xact_id()")
        trio.run("DELETE FROM {t} WHERE id < 4")
        grow_old(trio)
        assert purge.purge(trio.lab.job).gone == 0
    assert purge.purge(trio.lab.job).gone == 6


def test_only_who_may_purge_keeps_others_from_it(trio: Trio) -> None:
    trio.run("DELETE FROM {t} WHERE id < 4")
    grow_old(trio)
    with trio.lab.connect() as stranger, trio.begin() as other:
        stranger.execute("SELECT pg_advisory_lock(hashtext('neaptide purge'))")
        other.execute("LOCK TABLE neaptide.purge IN SHARE UPDATE EXCLUSIVE MODE")
        assert purge.purge(trio.lab.job).gone == 0
        other.rollback()
        assert purge.purge(trio.lab.job).gone == 6


def test_a_file_that_is_older_than_what_was_purged_copies_its_tables_anew(trio: Trio) -> None:
    trio.sync()
    backup = trio.lab.folder / "backup"
    shutil.copytree(trio.lab.folder, backup, symlinks=True)
    trio.run("DELETE FROM stamped WHERE id < 4")
    trio.sync()
    grow_old(trio)
    assert purge.purge(trio.lab.job).gone == 3
    trio.lab.folder = backup
    run = trio.sync()
    assert {name: found[0] for name, found in row_counts(run).items()}["stamped"] == "full"
    assert row_counts(run)["counted"][0] != "full"


def test_a_run_purges_at_most_once_an_hour_and_only_if_its_role_may(trio: Trio) -> None:
    # A second target would purge for itself.
    trio.keep = None
    mark = trio.lab.folder / ".reporting.duckdb.purged"
    mark.unlink(missing_ok=True)
    trio.run("DELETE FROM {t} WHERE id < 4")
    grow_old(trio)
    trio.sync()
    assert count(trio.lab) == 0
    trio.run("DELETE FROM {t} WHERE id = 4")
    grow_old(trio)
    trio.sync()
    assert count(trio.lab) == 2
    role = f"reader_{id(trio)}"
    trio.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'", f"GRANT USAGE ON SCHEMA neaptide TO {role}")
    reader = Job(trio.lab.job.settings, conninfo.make_conninfo(trio.lab.url, user=role, password="x"))
    assert purge.purge(reader).gone == 0
    trio.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert count(trio.lab) == 2
