"""What a backfill mended gets into the other file by the next run: no file is copied for it, and nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs.backfill import backfill
from jobs.sessions import OpenSessions
from jobs.tables.ranges import Range
from tests.support import runs
from tests.support.behind import filled, rows, wrong
from tests.support.syncing import Lab

SOME = Range(low="10", high="30")
BY_A_CONDITION = Range(where="id BETWEEN 10 AND 30")


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of a hundred rows, and one more, in both files."""
    found = Lab(empty_db, tmp_path, [{"name": "public.u"}, {"name": "public.t"}])
    filled(found, "bigint")
    return found


def wronged(lab: Lab) -> None:
    """Rows of the range differ in both files, one is missing, and there is one that nobody wrote."""
    others = "DELETE FROM public.t WHERE id = 12", "UPDATE public.t SET id = 1000 WHERE id = 40"
    wrong(lab, "UPDATE public.t SET v = -7 WHERE id BETWEEN 15 AND 25", *others)


def inode(lab: Lab) -> int:
    return lab.job.files.link.stat().st_ino


def changed(lab: Lab) -> None:
    """A run with something else to write."""
    lab.run("INSERT INTO u SELECT coalesce(max(id), 0) + 1, 0 FROM u")
    assert lab.sync().changed


def told(lab: Lab) -> None:
    """Of the mended rows one is written, one goes, and one comes again."""
    lab.run("UPDATE t SET v = 100 WHERE id = 20", "DELETE FROM t WHERE id = 21", "DELETE FROM t WHERE id = 12")
    lab.run("INSERT INTO t VALUES (12, 5), (-1, 0)")


@pytest.mark.few(1)
@pytest.mark.parametrize("wanted", [SOME, BY_A_CONDITION])
@pytest.mark.parametrize("between", ["nothing", "changes"])
def test_the_other_file_is_brought_over_what_was_mended(lab: Lab, wanted: Range, between: str) -> None:
    wronged(lab)
    before = inode(lab)
    backfill.backfill(lab.job, "public.t", wanted)
    backfill.backfill(lab.job, "public.t", Range(low="31"))
    assert inode(lab) == before, "the second one took over the file that the first one had not written"
    lab.assert_equal()
    if between == "changes":
        told(lab)
    for _ in range(3):
        last, other = inode(lab), lab.spare.stat().st_ino
        changed(lab)
        assert inode(lab) == other != last
        lab.assert_equal()
    with duckdb.connect(str(lab.job.files.link), read_only=True) as file:
        found = file.execute("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'mended%'").fetchall()
    assert not found


def only_the_table(lab: Lab) -> None:
    lab.run("UPDATE t SET v = 3 WHERE id = 3")
    lab.sync(tables=["public.t"])


def paused_for_a_run(lab: Lab) -> None:
    lab.specs[1]["paused"] = True
    changed(lab)
    del lab.specs[1]["paused"]


def truncated(lab: Lab) -> None:
    lab.run("TRUNCATE u", "INSERT INTO u VALUES (7, 7)")
    lab.sync()


def altered(lab: Lab) -> None:
    lab.run(f"ALTER TABLE t ADD COLUMN more_{random.getrandbits(30)} int")
    lab.sync()


def held_by_a_reader(lab: Lab) -> None:
    with duckdb.connect(str(lab.spare), read_only=True):
        changed(lab)


def left_out(lab: Lab) -> None:
    left = lab.specs.pop()
    lab.sync()
    lab.specs.append(left)
    lab.sync()


def failing(lab: Lab) -> None:
    lab.run("ALTER TABLE t DISABLE TRIGGER USER")
    changed(lab)
    lab.track()


NEXT = (only_the_table, paused_for_a_run, truncated, altered, held_by_a_reader, left_out, failing)


@pytest.mark.long
@pytest.mark.parametrize("then", NEXT)
def test_whatever_run_comes_next_nothing_that_was_mended_is_lost(lab: Lab, then: Any) -> None:
    for wanted in (SOME, BY_A_CONDITION):
        wronged(lab)
        backfill.backfill(lab.job, "public.t", wanted)
        backfill.backfill(lab.job, "public.t", Range(low="31", high="1000"))
        lab.assert_equal()
        then(lab)
        for _ in range(2):
            changed(lab)
            lab.assert_equal()


def test_a_row_that_the_file_is_to_keep_outlives_a_backfill(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.u"}, {"name": "public.t", "deletes": "ignore"}])
    filled(lab, "bigint")
    lab.run("DELETE FROM t WHERE id = 20")
    changed(lab)
    wrong(lab, "UPDATE public.t SET v = 9 WHERE id = 21")
    backfill.backfill(lab.job, "public.t", SOME)
    for _ in range(3):
        assert rows(lab) == dict.fromkeys(range(1, 101), 1)
        changed(lab)


@pytest.mark.few(1)
@pytest.mark.parametrize("deletes", ["tombstone", "ignore"])
def test_a_row_of_a_condition_that_the_filter_leaves_out_goes(empty_db: str, tmp_path: Path, deletes: str) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.u"}, {"name": "public.t", "where": "v < 50", "deletes": deletes}])
    filled(lab, "bigint")
    lab.run("UPDATE t SET v = 60 WHERE id IN (20, 40)")
    changed(lab)
    changed(lab)
    wrong(lab, "INSERT INTO public.t VALUES (20, 3, now()), (40, 3, now())")
    backfill.backfill(lab.job, "public.t", BY_A_CONDITION)
    for _ in range(3):
        assert rows(lab) == dict.fromkeys([*range(1, 20), *range(21, 40), *range(41, 101)], 1) | {40: 3}
        changed(lab)


@pytest.mark.long
def test_a_kill_in_the_backfill_or_in_the_run_after_it_loses_nothing(lab: Lab) -> None:
    for point in ("work_opened", "table_done", "before_commit", "after_commit", "before_rename", "after_swap"):
        wronged(lab)
        runs.killed_at(lab.job, point, ranges={"public.t": SOME})
        lab.run("UPDATE t SET v = v + 1 WHERE id % 7 = 0")
        backfill.backfill(lab.job, "public.t", Range(low="0"))
        lab.assert_equal()
        lab.run("UPDATE t SET v = v + 1 WHERE id % 11 = 0")
        runs.killed_at(lab.job, point)
        for _ in range(3):
            changed(lab)
            lab.assert_equal()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_in_any_order_of_runs_both_files_end_as_the_source(lab: Lab, seed: int) -> None:
    draw = random.Random(seed)
    keep = OpenSessions()

    def write() -> None:
        lab.run(f"UPDATE t SET v = {draw.randrange(9)} WHERE id % {draw.randrange(2, 9)} = 0")
        lab.run(f"DELETE FROM t WHERE id = {draw.randrange(110)}", f"INSERT INTO u VALUES ({draw.getrandbits(30)}, 1)")
        lab.run(f"INSERT INTO t VALUES ({draw.randrange(110)}, 1) ON CONFLICT DO NOTHING")

    def wrongly() -> None:
        lab.sync()
        key = draw.randrange(100)
        wrong(lab, f"DELETE FROM public.t WHERE id = {key}", f"UPDATE public.t SET v = -1 WHERE id > {key + 9}")

    def ranged() -> None:
        low = draw.randrange(100)
        wanted = draw.choice([Range(low=str(low), high=str(low + 20)), Range(where=f"id % 3 = {low % 3}")])
        backfill.backfill(lab.job, "public.t", wanted, chunk=draw.choice([7, 1000]))

    def ran() -> None:
        lab.keep = draw.choice([None, keep])
        lab.sync()

    def other() -> None:
        draw.choice(NEXT[:1] + NEXT[4:5] if lab.job.files.spare else NEXT[:1])(lab)

    for _ in range(16):
        draw.choice([write, write, wrongly, ranged, ranged, ran, ran, ran, other])()
    backfill.backfill(lab.job, "public.t", Range(low="-1"))
    for _ in range(3):
        lab.assert_equal()
        changed(lab)
    lab.assert_equal()
    keep.close()
