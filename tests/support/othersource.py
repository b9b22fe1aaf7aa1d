"""What every source that isn't the file's own has to meet: a refusal that writes nothing, and two ways to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from jobs.verify import verify
from tests.support.syncing import Lab

TABLE = "public.item"
ITEM = "CREATE TABLE public.item (id bigint PRIMARY KEY, name text, note text)"
WAYS = ("repair", "full")


def item_lab(url: str, folder: Path, watermark: str = "updated_at") -> Lab:
    """The table `item` of ten rows, tracked."""
    lab = Lab(url, folder, [{"name": TABLE, "watermark": watermark}])
    lab.run(ITEM, "INSERT INTO item (id, name) SELECT g, 'item ' || g FROM generate_series(1, 10) AS g")
    lab.track()
    return lab


def at(lab: Lab, url: str) -> Lab:
    """The same target with another source."""
    return Lab(url, lab.folder, lab.specs, lab.margin)


def assert_refused(lab: Lab, what: str) -> None:
    """The sync stops with a message that names what differs and both commands, and leaves every file as it was."""
    before = prints(lab.folder)
    with pytest.raises(errors.SourceChanged, match=what) as caught:
        lab.sync()
    assert caught.value.exit_code == 1
    assert "neaptide verify --repair" in (caught.value.hint or "")
    assert "neaptide sync --full" in (caught.value.hint or "")
    for partly in ({"tables": [TABLE]}, {"tables": [TABLE], "full": True}):
        with pytest.raises(errors.SourceChanged):
            lab.sync(**partly)
    with pytest.raises(errors.SourceChanged):
        verify.verify(lab.job, tables=[TABLE], repair=True)
    assert prints(lab.folder) == before


def assert_goes_on(lab: Lab, way: str) -> None:
    """After the way that the hint names, every run is exact: the spare brings no old row back."""
    if way == "repair":
        verify.verify(lab.job, repair=True)
    else:
        lab.sync(full=True)
    lab.assert_equal()
    for turn in range(2):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = (SELECT min(id) FROM item)")
        lab.sync()
        lab.assert_equal()
    assert verify.verify(lab.job).equal


def prints(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of every file but the lock."""
    found = {path.name: path.lstat() for path in folder.iterdir() if path.suffix != ".lock"}
    return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}
