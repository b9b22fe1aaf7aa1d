"""What somebody leaves beside the reporting file is ignored or told in a line, and no link of theirs is followed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import errors
from jobs.daemon import lead
from jobs.verify import verify
from tests.support import runs
from tests.support.cli import Cli
from tests.support.syncing import Lab

NOTES = ("freshness", "daemon", "lock", "daemon.lock", "current")


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of ten rows, in both files, and a config beside them."""
    found = Lab(empty_db, tmp_path / "files", [{"name": "public.item"}])
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO item SELECT g, 'item ' || g FROM generate_series(1, 10) AS g",
    )
    found.track()
    for _ in range(2):
        found.sync()
        change(found)
    found.sync()
    (found.folder / "config.toml").write_text(
        f'[source]\nurl = "{empty_db}"\n[target]\npath = "reporting.duckdb"\n[sync]\nmargin = "0s"\n'
        '[[tables]]\nname = "public.item"\n'
    )
    return found


def change(lab: Lab) -> None:
    lab.run("UPDATE item SET name = name || '.' WHERE id = 1")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00", "1:2:", "stopping", "\x1b[2J", "-1", "0/0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


# Parts of `.freshness`, which is the only one of which a run believes anything.
PARTS = (
    ("run_id",), ("as_of",), ("clock",), ("clock", "server"), ("clock", "seconds"), ("clock", "boot"), ("began",),
    ("began", "seconds"), ("ended",), ("ended", "finished_at"), ("ended", "phases"), ("looked",), ("left",), ("quiet",),
    ("quiet", 0), ("quiet", 0, "snapshot"), ("quiet", 0, "floor"), ("quiet", 0, "wal_end"), ("quiet", 0, "tables"),
)  # fmt: skip
TEXTS = st.binary(max_size=40) | st.builds(lambda value: json.dumps(value).encode(), VALUES)
GARBAGE = st.fixed_dictionaries({name: st.none() | TEXTS for name in NOTES})


def altered(text: str, path: tuple[str | int, ...], value: Any) -> bytes:
    """A JSON document with one part of it replaced, where it has that part."""
    found: Any = json.loads(text)
    content = found
    with suppress(KeyError, TypeError, IndexError):
        for part in path[:-1]:
            content = content[part]
        content[path[-1]] = value
    return json.dumps(found).encode()


@pytest.mark.long
@settings(max_examples=int(os.environ.get("NEAPTIDE_GARBAGE", "30")), suppress_health_check=list(HealthCheck))
@given(garbage=GARBAGE, part=st.sampled_from(PARTS), value=VALUES)
def test_whatever_stands_in_the_small_files_no_command_breaks_and_no_run_lies(
    lab: Lab, garbage: dict[str, bytes | None], part: tuple[str | int, ...], value: Any
) -> None:
    cli, files = Cli(lab.folder), lab.job.files
    for name, text in garbage.items():
        if text is not None:
            files.beside(name).write_bytes(text)
        elif name == "freshness":
            files.beside("freshness").write_bytes(altered(files.beside("freshness").read_text(), part, value))
    for command in (["status"], ["status", "--json"], ["runs"], ["sql", "SELECT count(*) FROM public.item"]):
        done = cli(*command)
        assert "bug in Neaptide" not in done.err, (command, done.err)
        assert done.code in (0, 1), (command, done.err)
    change(lab)
    cli("sync").ok()
    lab.assert_equal()
    assert not lab.sync().changed
    files.beside("daemon").unlink(missing_ok=True)
    assert cli("status").code == 0, cli("status").out


def test_no_run_is_served_by_one_that_has_not_been(lab: Lab) -> None:
    from jobs.position import clock
    from jobs.run import sync

    path = lab.job.files.beside("freshness")
    path.write_text(json.dumps({**json.loads(path.read_text()), "began": {**clock.instant(), "seconds": 1e12}}))
    change(lab)
    assert sync.sync_once(lab.job, since=clock.instant()).changed
    lab.assert_equal()


def test_a_daemon_s_id_that_is_none_is_made_anew_and_kept(lab: Lab) -> None:
    def held() -> str:
        with lead.local_lock(lab.job.files, lambda _: True, lambda _: None) as found:
            return found

    first = held()
    assert held() == first
    for garbage in (b"\xff\xfe", b"x" * 5000, b"\x1b[2J", b""):
        lab.job.files.beside("daemon.lock").write_bytes(garbage)
        again = held()
        assert again.isprintable() and 32 <= len(again) <= 100
        assert held() == again


def plant(path: Path, mine: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
    path.symlink_to(mine)


@pytest.mark.few(1)
@pytest.mark.parametrize("mode", ["symlink", "pointer"])
def test_no_link_that_somebody_left_is_followed(lab: Lab, tmp_path: Path, mode: str) -> None:
    lab.mode = mode
    mine = tmp_path / "mine"
    mine.write_text("precious")
    files = lab.job.files
    names = [
        files.beside("freshness"),
        files.pointer,
        files.aside,
        files.beside("daemon"),
        lab.folder / ".reporting.duckdb.purged",
    ]
    names += [path.with_name(f".{path.name}.passing") for path in (files.beside("freshness"), files.pointer)]
    names += [lab.folder / name for name in ("reporting.duckdb.wal", "reporting.99-0123456789ab.duckdb")]
    for name in names:
        plant(name, mine)
    for _ in range(3):
        change(lab)
        lab.sync()
        lab.assert_equal()
    verify.verify(lab.job, repair=True)
    lab.sync(full=True)
    assert mine.read_text() == "precious"


@pytest.mark.parametrize("name", ["reporting.duckdb.lock", ".reporting.duckdb.private"])
def test_a_lock_or_a_folder_that_leads_elsewhere_is_refused(lab: Lab, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir() if "private" in name else mine.write_text("precious")
    plant(lab.folder / name, mine)
    change(lab)
    with pytest.raises(errors.TargetUnusable, match=name):
        lab.sync()
    assert list(mine.iterdir()) == [] if mine.is_dir() else mine.read_text() == "precious"
    (lab.folder / name).unlink()
    lab.sync()
    lab.assert_equal()


def rights(path: Path) -> tuple[int, int]:
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_gid


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.few(1)
@pytest.mark.parametrize("bits", [0o000, 0o022, 0o777 & ~0o700])
def test_nobody_but_the_owner_reads_what_is_written_whatever_the_umask(lab: Lab, bits: int) -> None:
    with umask(bits):
        for full in (False, True, False):
            change(lab)
            runs.killed_at(lab.job, "table_loaded" if full else "before_commit", full=full)
            assert rights(lab.job.files.private)[0] == 0o700
            lab.sync(full=full)
        found = {path.name: rights(path)[0] for path in lab.folder.iterdir() if path.name != "config.toml"}
    assert {mode for name, mode in found.items() if not name.endswith(".purged")} == {0o600}, found


@pytest.mark.long
@pytest.mark.parametrize("mode", ["symlink", "pointer"])
def test_the_mode_and_the_group_that_the_operator_gave_are_kept(lab: Lab, mode: str) -> None:
    lab.mode = mode
    lab.sync()
    link = lab.folder / "reporting.duckdb"
    group = 54321 if os.geteuid() == 0 else os.getegid()
    os.chown(link, -1, group)
    link.chmod(0o640)
    for work in (lab.sync, lab.sync, lambda: lab.sync(full=True), lambda: verify.verify(lab.job, repair=True)):
        change(lab)
        work()
        assert rights(link) == (0o640, group)
        assert rights(lab.job.files.beside("freshness")) == (0o640, group)
    for _ in range(2):
        change(lab)
        lab.sync()
    change(lab)
    # A reader of the spare makes the next version a copy.
    with lab.spare.open("rb"):
        lab.sync()
    assert rights(link) == (0o640, group)
    link.chmod(0o400)
    change(lab)
    lab.sync()
    change(lab)
    lab.sync()
    assert rights(link) == (0o400, group)


def test_the_mode_that_the_config_asks_for_is_given(lab: Lab) -> None:
    lab.target = {"mode_bits": "0644"}
    change(lab)
    lab.sync()
    assert rights(lab.folder / "reporting.duckdb")[0] == rights(lab.job.files.beside("freshness"))[0] == 0o644
    assert rights(lab.job.files.lock)[0] == 0o600


def test_init_gives_a_config_with_a_password_to_nobody_else(lab: Lab) -> None:
    path = lab.folder / "config.toml"
    path.chmod(0o644)
    Cli(lab.folder)("init", "--url", lab.url, "--force", "--with-password").ok()
    assert rights(path)[0] == 0o600
    mine = lab.folder / "mine"
    mine.write_text("precious")
    plant(path, mine)
    Cli(lab.folder)("init", "--url", lab.url, "--force", "--with-password").ok()
    assert (mine.read_text(), path.is_symlink()) == ("precious", False)
