"""The whole path of a run, on a real PostgreSQL and a real file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.syncing import Lab

pytestmark = pytest.mark.each_feed

ITEMS = """
CREATE TABLE item (
    id bigint PRIMARY KEY, name text, price numeric(10, 2), updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of ten rows."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    rows = "SELECT g, 'item ' || g, g * 1.5 FROM generate_series(1, 10) AS g"
    found.run(ITEMS, f"INSERT INTO item (id, name, price) {rows}")
    found.track()
    return found


def test_the_first_run_copies_whole_tables(lab: Lab) -> None:
    run = lab.sync()
    assert [(table.action, table.rows_in) for table in run.tables] == [("full", 10)]
    lab.assert_equal()


def test_later_runs_copy_what_changed(lab: Lab) -> None:
    lab.sync()
    lab.run("INSERT INTO item VALUES (11, 'new', 1)", "UPDATE item SET name = 'other' WHERE id = 3")
    run = lab.sync()
    assert [(table.action, table.rows_in) for table in run.tables] == [("delta", 2)]
    lab.assert_equal()
    lab.run("UPDATE item SET price = 0 WHERE id = 11")
    lab.sync()
    lab.assert_equal()


def test_deleted_rows_leave_the_file(lab: Lab) -> None:
    lab.sync()
    lab.run("DELETE FROM item WHERE id IN (2, 4)", "UPDATE item SET id = 100 WHERE id = 1")
    run = lab.sync()
    assert [(table.reason, table.rows_in, table.rows_out) for table in run.tables] == [("", 1, 3)]
    lab.assert_equal()
    lab.run("TRUNCATE item", "INSERT INTO item VALUES (5, 'again', 2)")
    lab.sync()
    lab.assert_equal()
    lab.sync()
    lab.assert_equal()


def test_a_run_that_finds_nothing_changed_writes_no_file_and_moves_the_moment(lab: Lab) -> None:
    first = lab.sync()
    published = (lab.folder / "reporting.duckdb").resolve()
    before = published.stat()
    second = lab.sync()
    assert (first.changed, second.changed) == (True, False)
    assert second.as_of > first.as_of
    after = published.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_transaction_that_commits_behind_the_watermark_is_not_lost(lab: Lab) -> None:
    lab.sync()
    with lab.connect(autocommit=False) as late:
        for key in range(20, 30):
            late.execute("INSERT INTO item VALUES (%s, 'late', 1)", [key])
        lab.run("INSERT INTO item VALUES (30, 'overtakes', 1)")
        lab.sync()
        lab.run("INSERT INTO item VALUES (31, 'overtakes', 1)")
        lab.sync()
        late.commit()
    lab.sync()
    assert len(lab.file_rows("public.item")) == 22
    lab.assert_equal()
