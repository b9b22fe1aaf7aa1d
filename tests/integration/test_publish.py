"""A version is on the disk before it has a public name, and its name before the run says that it is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.syncing import Lab


@pytest.fixture(params=["symlink", "pointer"])
def lab(empty_db: str, tmp_path: Path, request: pytest.FixtureRequest) -> Lab:
    """A tracked table, synced twice."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}], mode=request.param)
    found.run("CREATE TABLE item (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now())")
    found.track()
    for key in range(2):
        found.run(f"INSERT INTO item VALUES ({key})")
        found.sync()
    return found


def test_the_file_is_synced_before_it_is_named_and_the_folder_after(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, object]] = []
    fsync, replace, link = os.fsync, os.replace, lab.folder / "reporting.duckdb"

    def synced(handle: int) -> None:
        fsync(handle)
        done.append(("synced", os.fstat(handle).st_ino))

    def renamed(before: Path, after: Path) -> None:
        what = "linked" if Path(after) == link else "left" if Path(before).is_symlink() else "named"
        replace(before, after)
        done.append((what, Path(after).stat().st_ino))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    for full in (False, True):
        lab.run("UPDATE item SET id = id + 10")
        done.clear()
        lab.sync(full=full)
        file, folder = link.stat().st_ino, lab.folder.stat().st_ino
        steps = [("synced", file), ("named", file), ("linked", file), ("synced", folder)]
        # A full run makes its work file first, in the private folder.
        assert [step for step in done if step in steps][-4:] == steps
