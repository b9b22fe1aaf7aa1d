"""`[target] mode = "pointer"`: no symlink, the same promises; and what may change on the way."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from app.reporting import opening
from jobs.beside import private
from jobs.beside.names import Names
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of ten rows."""
    found = Lab(empty_db, tmp_path / "with space", [{"name": "public.item"}], mode="pointer")
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO item SELECT g, 'item ' || g FROM generate_series(1, 10) AS g",
    )
    found.track()
    return found


def test_the_published_name_is_a_file_of_its_own_right_at_every_turn(lab: Lab) -> None:
    link = lab.folder / "reporting.duckdb"
    for step in range(5):
        lab.run(f"UPDATE item SET name = 'step {step}' WHERE id = 1")
        lab.sync()
        assert not link.is_symlink()
        named = lab.folder / (lab.folder / "reporting.duckdb.current").read_text().strip()
        assert named.samefile(link)
        lab.assert_equal()
    files = {path.stat().st_ino for path in lab.folder.iterdir() if path.suffix == ".duckdb"}
    assert len(files) <= 3


def test_a_reader_keeps_its_state_and_the_next_one_gets_the_new_one_also_in_the_same_process(lab: Lab) -> None:
    link = lab.folder / "reporting.duckdb"
    lab.sync()
    with opening.open(link) as first:
        for step in range(3):
            lab.run(f"INSERT INTO item VALUES ({100 + step}, 'new')")
            lab.sync()
            with opening.open(link) as later:
                assert later.query("SELECT count(*) FROM public.item").rows == [(11 + step,)]
        assert first.query("SELECT count(*) FROM public.item").rows == [(10,)]


def test_the_mode_may_change_both_ways(lab: Lab) -> None:
    link = lab.folder / "reporting.duckdb"
    for step, mode in enumerate(("symlink", "pointer", "symlink", "pointer", "pointer")):
        lab.mode = mode
        lab.run(f"UPDATE item SET name = 'step {step}' WHERE id = 1")
        lab.sync()
        assert link.is_symlink() is (mode == "symlink")
        assert (lab.folder / "reporting.duckdb.current").exists() is (mode == "pointer")
        lab.assert_equal()


def test_a_stranger_s_file_is_left_alone(lab: Lab) -> None:
    lab.folder.mkdir()
    with duckdb.connect(str(lab.folder / "reporting.duckdb")) as mine:
        mine.execute("CREATE TABLE precious AS SELECT 1 AS one")
    with pytest.raises(Exception, match="no link of Neaptide's"):
        lab.sync()
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as mine:
        assert mine.execute("SELECT one FROM precious").fetchall() == [(1,)]


def test_a_kill_at_any_step_of_the_swap_leaves_a_published_file(lab: Lab) -> None:
    """The states between the steps, made by hand: the published file is still known, and the next run goes on."""
    link = lab.folder / "reporting.duckdb"
    lab.sync()
    lab.run("UPDATE item SET name = 'x' WHERE id = 1")
    lab.sync()
    files = Names(link, "pointer")
    published = files.published
    assert published is not None
    files.pointer.write_text("reporting.nothing.duckdb\n")
    private.make(files)
    (files.private / "passing").hardlink_to(lab.spare)
    assert files.published == published
    lab.run("UPDATE item SET name = 'y' WHERE id = 1")
    lab.sync()
    lab.assert_equal()
