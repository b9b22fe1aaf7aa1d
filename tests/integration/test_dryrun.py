"""`sync --dry-run` tells what the next run does: the same rows in and out, in every mode, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.run import dryrun
from tests.support.events import telling
from tests.support.syncing import Lab

MODES: dict[str, dict[str, Any]] = {
    "tombstone": {"watermark": "xid", "deletes": "tombstone"},
    "compare": {"watermark": "xid", "deletes": "compare", "max_delete_share": 1},
    "whole": {"watermark": "none"},
    "soft": {"watermark": "xid", "deletes": "soft", "soft_column": "gone"},
    "keyless": {"watermark": "none"},
    "wal": {"feed": "wal"},
    "events": {"feed": "events", "watermark": "none"},
}


@pytest.mark.few(1)
@pytest.mark.parametrize("mode", MODES)
def test_a_dry_run_counts_what_the_run_then_does(empty_db: str, tmp_path: Path, mode: str) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.t", **MODES[mode]}])
    key = "" if mode == "keyless" else "PRIMARY KEY"
    lab.run(
        f"CREATE TABLE t (id int {key}, v text, gone boolean NOT NULL DEFAULT false)",
        "INSERT INTO t SELECT g, 'v' FROM generate_series(1, 9) g",
    )
    lab.track()
    lab.run(*(telling("public.t", "id") if mode == "events" else ()))
    assert [(one.action, one.rows, one.deletes) for one in dryrun.dry_run(lab.job).tables] == [("full", 9, 0)]
    lab.sync()
    assert [(one.rows, one.deletes) for one in dryrun.dry_run(lab.job).tables] == [(0, 0)]
    away = "UPDATE t SET gone = true" if mode == "soft" else "DELETE FROM t"
    lab.run(
        f"{away} WHERE id IN (1, 2, 3)", "UPDATE t SET v = 'w' WHERE id = 5",
        "INSERT INTO t VALUES (3, 'again', false)" if mode != "soft" else "SELECT 1",
        "DELETE FROM t WHERE id = 99", "INSERT INTO t VALUES (10)",
    )  # fmt: skip
    [told] = dryrun.dry_run(lab.job).tables
    # As often as one looks: nothing is written.
    assert dryrun.dry_run(lab.job).tables == (told,)
    [done] = lab.sync().tables
    assert (told.rows, told.deletes) == (done.rows_in, done.rows_out)
    assert told.deletes >= 2


def test_deletes_that_the_run_would_refuse_are_an_error_of_the_dry_run(empty_db: str, tmp_path: Path) -> None:
    spec = {"name": "public.t", "watermark": "xid", "deletes": "compare", "max_delete_share": 0.1}
    lab = Lab(empty_db, tmp_path, [spec])
    lab.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 5000)")
    lab.track()
    lab.sync()
    lab.run("DELETE FROM t WHERE id > 100")
    assert "are gone" in (dryrun.dry_run(lab.job).tables[0].error or "")


def test_a_value_that_would_make_a_first_copy_fail_is_told_before_it_begins(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.t", "watermark": "none", "where": "id < 10"}])
    lab.run("CREATE TABLE t (id int PRIMARY KEY, grid int[])", "INSERT INTO t VALUES (1, '{1}'), (50, '{{1},{2}}')")
    assert dryrun.dry_run(lab.job).tables[0].error is None
    lab.run("INSERT INTO t VALUES (2, '{{1,2},{3,4}}')")
    error = dryrun.dry_run(lab.job).tables[0].error or ""
    assert "column grid, row id = 2" in error
    assert 'rules.grid = "text"' in error
