"""Many runs in one process leave no trace of themselves; `python -m tests.soak.runs` does ten thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import endurance
from tests.support.syncing import Lab


@pytest.mark.long
def test_memory_descriptors_threads_sessions_and_files_stay_flat_over_many_runs(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found = endurance.endure(lab, 100)
    lab.sync(full=True)
    published = lab.job.files.published
    assert published is not None
    endurance.assert_flat(found, published.stat().st_size)
