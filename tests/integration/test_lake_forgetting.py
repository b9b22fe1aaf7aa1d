"""What is hidden or deleted later is in no file of a lake, in whatever bytes of it, and in no snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.test_forgetting import CHANGES, PUBLIC, SECRET, holding, made
from tests.support import targets
from tests.support.cluster import Cluster

KEPT = ("mask by hash", "mask by null", "a column left out", "a column dropped in the source")


@pytest.mark.long
@pytest.mark.parametrize("what", CHANGES)
def test_what_is_hidden_or_forgotten_is_in_no_file_of_a_lake_at_once(
    postgres: Cluster, empty_db: str, tmp_path: Path, what: str
) -> None:
    targets.chosen.begin(postgres)
    lab = made(empty_db, tmp_path / "files")
    assert holding(lab, SECRET) and holding(lab, PUBLIC)
    CHANGES[what](lab)
    assert holding(lab, SECRET) == 0
    assert bool(holding(lab, PUBLIC)) == (what in KEPT)
    with lab.published() as lake:
        assert lake.execute("SELECT count(*) FROM reporting.snapshots()").fetchall() == [(1,)]
    lab.run("UPDATE other SET public = 'p' WHERE id = 1")
    lab.sync()
    assert holding(lab, SECRET) == 0
