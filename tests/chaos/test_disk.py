"""A disk that is full, read-only or somebody else's: a clear error, the published file as it was, and on it goes."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import errors
from jobs.beside import private
from jobs.beside.names import Names
from tests.support.bank import Bank
from tests.support.cli import Cli

pytestmark = pytest.mark.each_feed

MB = 2**20
_MUCH_TEXT = """
UPDATE token
SET note = (SELECT string_agg(md5(random()::text || g || token.id), '') FROM generate_series(1, 3000) AS g)
"""


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    found = Bank.opened(empty_db, tmp_path)
    found.sync()
    return found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 80 MB; only root may make one."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("may not mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path, leave: int) -> Path:
    """Leave that many bytes free."""
    found = os.statvfs(place)
    ballast = place / "ballast"
    ballast.write_bytes(bytes(max(0, found.f_bavail * found.f_frsize - leave)))
    return ballast


def test_a_full_disk_ends_the_run_and_changes_nothing_and_the_next_works_once_there_is_room(
    empty_db: str, small_disk: Path
) -> None:
    bank = Bank.opened(empty_db, small_disk)
    bank.sync()
    for leave in (0, 64 * 1024, 512 * 1024, MB):
        bank.run(_MUCH_TEXT)
        before = bank.link.resolve().read_bytes()
        ballast = fill(small_disk, leave)
        done = Cli(bank.folder)("sync")
        assert done.code == 1, leave
        assert "full" in done.err or "no room" in done.err, done.err
        assert "hint: free some" in done.err
        assert "Traceback" not in done.err
        assert bank.link.resolve().read_bytes() == before
        bank.check()
        ballast.unlink()
        bank.sync()
        bank.assert_equal()
        bank.check_tidy()


def test_a_run_that_finds_nothing_new_needs_no_room_to_speak_of(empty_db: str, small_disk: Path) -> None:
    bank = Bank.opened(empty_db, small_disk)
    bank.sync()
    fill(small_disk, 8192)
    assert not bank.sync().changed


@pytest.mark.few(1)
@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_on_the_size_of_files_is_a_full_disk(bank: Bank, limit: int) -> None:
    bank.run("INSERT INTO move SELECT -g, 1, 1, random() * 1e15 FROM generate_series(1, 300000) AS g")
    before = bank.link.resolve().read_bytes()

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit * MB, limit * MB))

    code, err = bank.finished("sync", preexec_fn=bounded)
    assert code == 1
    assert err.startswith("error: the disk of the reporting file is full"), err
    assert bank.link.resolve().read_bytes() == before
    bank.sync()
    bank.assert_equal()
    bank.check_tidy()


@pytest.mark.parametrize("what", ["folder", "file", "foreign link"])
def test_a_target_that_is_something_else_is_left_alone(bank: Bank, what: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    for path in (bank.link, *(version.path for version in bank.job.files.versions())):
        path.unlink()
    if what == "folder":
        bank.link.mkdir()
    elif what == "file":
        mine.rename(bank.link)
    else:
        bank.link.symlink_to(mine)
    with pytest.raises(errors.TargetUnusable, match=r"reporting\.duckdb"):
        bank.sync()
    assert bank.link.is_dir() or bank.link.read_text() == "precious"


@pytest.mark.stamps
def test_a_folder_that_is_not_there_is_made_and_one_that_can_t_be_is_named(bank: Bank) -> None:
    deep = Bank(bank.url, bank.folder / "not" / "there", bank.specs)
    deep.sync()
    deep.assert_equal()
    (bank.folder / "a file").write_text("")
    with pytest.raises(errors.TargetUnusable, match="a file"):
        Bank(bank.url, bank.folder / "a file", bank.specs).sync()


@pytest.mark.stamps
def test_a_read_only_folder_is_named(bank: Bank, small_disk: Path) -> None:
    there = Bank(bank.url, small_disk, bank.specs)
    there.sync()
    bank.move()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(errors.TargetUnusable, match="small can't be written: Read-only"):
        there.sync()
    there.check()
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    there.sync()
    there.assert_equal()


def test_what_other_targets_in_the_folder_have_in_hand_is_left_alone(bank: Bank) -> None:
    other = Names(bank.folder / "reporting2.duckdb")
    private.make(other)
    strange = [other.work, bank.folder / "reporting2.1-0123456789ab.duckdb", bank.folder / "reporting.1.duckdb"]
    for path in strange:
        path.write_text("not ours")
    bank.move()
    bank.sync()
    assert all(path.exists() for path in strange)
