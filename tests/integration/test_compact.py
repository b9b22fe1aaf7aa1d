"""Files give room back: after large deletes, and without losing a row."""

from __future__ import annotations

import signal
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pytest

from jobs import faults
from jobs.targets.file import compact
from tests.support.syncing import Lab

ROWS = 200_000


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of many rows, in both files."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())",
        f"INSERT INTO item SELECT g, md5(g::text) FROM generate_series(1, {ROWS}) AS g",
    )
    found.track()
    found.sync()
    found.run("UPDATE item SET name = 'x' WHERE id = 1")
    found.sync()
    return found


def share(lab: Lab) -> float:
    return compact.alive(lab.job, lab.spare)


def test_a_fresh_file_is_alive_and_left_alone(lab: Lab) -> None:
    assert share(lab) > 0.8
    assert not compact.if_needed(lab.job, smallest=0)
    assert not lab.job.files.work.exists()


@pytest.mark.long
def test_after_a_large_delete_both_files_shrink_and_hold_the_same_rows(lab: Lab) -> None:
    lab.run(f"DELETE FROM item WHERE id > {ROWS // 100}")
    before = lab.spare.stat().st_size
    for step in range(4):
        lab.run(f"UPDATE item SET name = 'step {step}' WHERE id = 2")
        lab.sync()
        compact.if_needed(lab.job, smallest=0)
        lab.assert_equal()
    lab.sync()
    sizes = [path.stat().st_size for path in lab.both]
    # What is left is mostly what the smallest of files takes.
    assert max(sizes) < before * 0.7
    assert compact.alive(lab.job, lab.both[0]) >= compact.ALIVE
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        found = file.execute("SELECT as_of IS NOT NULL FROM neaptide.freshness").fetchall()
    assert found == [(True,)]


@pytest.mark.long
def test_a_reader_of_the_old_file_keeps_it(lab: Lab) -> None:
    lab.run(f"DELETE FROM item WHERE id > {ROWS // 100}")
    with duckdb.connect(str(lab.spare), read_only=True) as reader:
        lab.sync()
        compact.rebuild(lab.job, lab.spare)
        lab.sync()
        assert reader.execute("SELECT count(*) FROM public.item").fetchone() == (ROWS,)
    lab.assert_equal()


@pytest.mark.long
def test_a_rebuild_that_is_killed_leaves_the_files_as_they_were(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_FAULT", faults.WRITTEN_ANEW[0])
    killed = get_context("spawn").Process(target=compact.rebuild, args=(lab.job, lab.spare))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    lab.assert_equal()
    lab.run("UPDATE item SET name = 'after' WHERE id = 3")
    lab.sync()
    lab.assert_equal()
    assert not lab.job.files.private.exists()


@pytest.mark.long
def test_runs_look_at_the_files_once_in_a_while(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(compact, "EVERY", 3)
    monkeypatch.setattr(compact, "if_needed", lambda job: bool(looked.append(lab.spare.name)))
    for step in range(6):
        lab.run(f"UPDATE item SET name = 'step {step}' WHERE id = 2")
        lab.sync()
    assert len(looked) == 4
    assert len(set(looked)) == 4
