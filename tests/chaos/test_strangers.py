"""Other programs that open the published file for writing: what they do never passes for ours, and is always told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.reporting import opening
from jobs.status import report
from jobs.verify import verify
from tests.support import strangers
from tests.support.syncing import Lab

FORGED = "UPDATE public.item SET name = 'forged'"


@pytest.fixture(params=["symlink", "pointer"])
def lab(empty_db: str, tmp_path: Path, request: pytest.FixtureRequest) -> Lab:
    """A tracked table of ten rows, in both files."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}], mode=request.param)
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO item SELECT g, 'item ' || g FROM generate_series(1, 10) AS g",
    )
    found.track()
    found.sync()
    change(found)
    found.sync()
    return found


def change(lab: Lab) -> None:
    lab.run("UPDATE item SET name = name || '.' WHERE id = 1")


def assert_never_seen(lab: Lab) -> None:
    """Not in this version, nor in any that comes of it."""
    for _ in range(4):
        lab.assert_equal()
        change(lab)
        assert not lab.sync().warnings
    lab.assert_equal()
    assert verify.verify(lab.job).equal


@pytest.mark.few(1)
def test_the_log_of_a_killed_program_is_told_and_removed_also_by_a_run_with_nothing_to_do(lab: Lab) -> None:
    link = lab.folder / "reporting.duckdb"
    for work in (lambda: lab.sync().warnings, lambda: verify.verify(lab.job).warnings):
        strangers.writes_and_is_killed(link, FORGED)
        assert lab.file_rows("public.item") != lab.source_rows("public.item")
        with pytest.raises(errors.TargetUnusable, match=r"\.wal lies there"):
            report.read_status(lab.job)
        [told] = work()
        assert ".wal was removed: a program that had the reporting file open for writing" in told
        lab.assert_equal()
        assert report.read_status(lab.job).level == "ok"
    assert_never_seen(lab)


@pytest.mark.few(1)
def test_the_log_of_a_killed_program_meets_no_later_version(lab: Lab) -> None:
    strangers.writes_and_is_killed(lab.folder / "reporting.duckdb", FORGED)
    change(lab)
    assert lab.sync().warnings
    assert_never_seen(lab)
    assert not list(lab.folder.glob("*.wal*"))


@pytest.mark.few(1)
@pytest.mark.parametrize("which", ["published", "spare"])
def test_a_file_that_was_altered_is_not_taken_for_ours(lab: Lab, which: str) -> None:
    published = which == "published"
    strangers.writes(lab.folder / "reporting.duckdb" if published else lab.spare, FORGED)
    if published:
        with pytest.raises(errors.TargetUnusable, match="another program wrote to"):
            report.read_status(lab.job)
        link = lab.folder / "reporting.duckdb"
        with pytest.raises(errors.TargetUnusable, match="another program wrote to it"), opening.open(link):
            pass
    change(lab)
    warnings = lab.sync().warnings
    assert bool(warnings) is published
    assert not published or "another program wrote to" in warnings[0]
    assert_never_seen(lab)


@pytest.mark.few(1)
@pytest.mark.parametrize("statement", [FORGED, "CREATE VIEW neaptide.mine AS SELECT 1", "DROP TABLE public.item"])
def test_a_run_with_nothing_to_do_builds_an_altered_file_anew(lab: Lab, statement: str) -> None:
    strangers.writes(lab.folder / "reporting.duckdb", statement)
    [told] = lab.sync().warnings
    assert "another program wrote to" in told
    assert "set aside as" in told
    assert_never_seen(lab)


@pytest.mark.few(1)
def test_verify_names_what_another_program_wrote_until_it_is_repaired(lab: Lab) -> None:
    strangers.writes(lab.folder / "reporting.duckdb", "UPDATE public.item SET name = 'forged' WHERE id = 7")
    for repair in (False, False, True):
        found = verify.verify(lab.job, repair=repair)
        assert "another program wrote to" in found.warnings[0]
        assert [(check.different, check.missing, check.extra) for check in found.tables] == [(1, 0, 0)]
    assert_never_seen(lab)


PLANTED = (
    "CREATE VIEW neaptide.mine AS SELECT 1",
    "DROP TABLE neaptide.watermarks; CREATE VIEW neaptide.watermarks AS SELECT * FROM read_csv('/etc/passwd')",
    "DROP TABLE public.item; CREATE VIEW public.item AS SELECT * FROM read_text('/etc/passwd')",
    "ALTER TABLE public.item ADD COLUMN mine VARCHAR DEFAULT 'x'",
    "ALTER TABLE public.item DROP COLUMN name",
    "CREATE TABLE public.mine AS SELECT 1 AS one",
)


@pytest.mark.few(2)
@pytest.mark.parametrize("planted", PLANTED)
def test_nothing_that_another_program_planted_outlives_a_repair(lab: Lab, planted: str) -> None:
    for statement in planted.split("; "):
        strangers.writes(lab.folder / "reporting.duckdb", statement)
    verify.verify(lab.job, repair=True)
    with duckdb.connect(str(lab.both[0]), read_only=True) as file:
        views = file.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        columns = file.execute("SELECT column_name FROM duckdb_columns() WHERE schema_name = 'public'").fetchall()
    assert views == [("freshness",)]
    assert columns == [("id",), ("name",), ("updated_at",)]
    assert_never_seen(lab)


@pytest.mark.few(1)
def test_a_file_that_was_opened_for_writing_and_left_as_it_was_is_still_ours(lab: Lab) -> None:
    before = lab.both[0]
    strangers.writes(before, "SELECT 1")
    before.touch()
    assert not lab.sync().warnings
    assert lab.both[0] == before
    assert_never_seen(lab)


@pytest.mark.few(1)
def test_a_program_that_has_the_file_open_for_writing_locks_readers_out_until_the_next_run(lab: Lab) -> None:
    code = f"""
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
connection.execute("{FORGED}")
"""
    line = [sys.executable, "-c", code, str(lab.both[0])]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tool:
        assert tool.stdout and tool.stdin
        assert tool.stdout.readline() == "open\n"
        [told] = lab.sync().warnings
        assert "another program has it open for writing" in told
        lab.assert_equal()
        change(lab)
        assert not lab.sync().warnings
        tool.stdin.close()
    assert_never_seen(lab)


def test_who_has_the_file_open_and_opens_it_again_sees_the_newest_version(lab: Lab) -> None:
    """DuckDB shares an instance per name within a process."""
    open_now: Callable[[], Path] = (
        (lambda: lab.folder / "reporting.duckdb")
        if lab.mode == "symlink"
        else lambda: lab.folder / (lab.folder / "reporting.duckdb.current").read_text().strip()
    )
    kept, seen = [], []
    for turn in range(5):
        lab.run(f"UPDATE item SET name = '{turn}' WHERE id = 2")
        lab.sync()
        kept.append(duckdb.connect(str(open_now()), read_only=True))
        seen += kept[-1].execute("SELECT name FROM public.item WHERE id = 2").fetchall()
        inodes = {path.stat().st_ino for path in lab.folder.iterdir() if path.suffix == ".duckdb"}
        assert len(inodes) <= 2
    assert seen == [("0",), ("1",), ("2",), ("3",), ("4",)]
    names = [one.execute("SELECT name FROM public.item WHERE id = 2").fetchone() for one in kept]
    assert names == seen
    for one in kept:
        one.close()


def test_a_name_that_was_the_link_s_leads_to_the_newest_version_and_is_never_used_again(lab: Lab) -> None:
    left = [lab.both[0]]
    for _ in range(3):
        change(lab)
        lab.sync()
        assert lab.both[0] not in left
        left.append(lab.both[0])
        for path in left[-3:]:
            with duckdb.connect(":memory:") as reader:
                reader.execute(f"ATTACH '{path}' AS file (READ_ONLY)")
                assert reader.execute("SELECT count(*) FROM file.public.item").fetchall() == [(10,)]


def test_names_that_nobody_waits_for_any_more_go(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.targets.file.publish._GRACE", 0.0)
    for _ in range(8):
        change(lab)
        lab.sync()
    assert len([path for path in lab.folder.iterdir() if path.suffix == ".duckdb" and path.is_symlink()]) <= 5


def test_the_files_of_an_earlier_release_are_taken_over(lab: Lab) -> None:
    """They were called a and b."""
    if lab.mode == "pointer":
        pytest.skip("the same")
    link = lab.folder / "reporting.duckdb"
    newest, spare = lab.both
    for path in lab.folder.glob("reporting.*-*.duckdb"):
        if path.is_symlink():
            path.unlink()
    newest.rename(lab.folder / "reporting.a.duckdb")
    spare.rename(lab.folder / "reporting.b.duckdb")
    link.unlink()
    link.symlink_to("reporting.a.duckdb")
    assert not lab.sync().changed
    assert_never_seen(lab)
    assert all(path.name not in ("reporting.a.duckdb", "reporting.b.duckdb") for path in lab.both)


def test_a_backup_by_hard_links_is_not_written_to(lab: Lab) -> None:
    backup = lab.folder / "backup.duckdb"
    backup.hardlink_to(lab.both[0])
    before = backup.read_bytes()
    assert_never_seen(lab)
    assert backup.read_bytes() == before
