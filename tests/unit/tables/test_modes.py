"""What each watermark and delete mode means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from app import config
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.tables import modes

NOW = datetime(2026, 5, 4, tzinfo=UTC)
GAPLESS, RUNNING = (Snapshot.parse(text, as_of=NOW) for text in ("10:10:", "8:10:8"))


def test_each_mode_that_an_entry_may_have_is_known_by_its_name() -> None:
    fields = config.Table.model_fields
    assert set(modes.WATERMARKS) == set(get_args(fields["watermark"].annotation))
    assert set(modes.DELETES) == set(get_args(fields["deletes"].annotation))


@pytest.mark.parametrize(
    ("name", "stamped", "by_clock", "from_log", "reads_all"),
    [
        ("updated_at", True, True, False, False),
        ("xid", True, False, False, False),
        ("wal", False, False, True, False),
        ("none", False, False, False, True),
        ("of a later version", False, False, False, True),
    ],
)
def test_how_changes_are_found(name: str, stamped: bool, by_clock: bool, from_log: bool, reads_all: bool) -> None:
    mode = modes.watermark(name)
    assert (mode.stamped, mode.by_clock, mode.from_log, mode.reads_all) == (stamped, by_clock, from_log, reads_all)


@pytest.mark.parametrize(
    ("name", "snapshot", "standby", "gapless"),
    [
        ("updated_at", GAPLESS, False, True),
        ("updated_at", RUNNING, False, False),
        ("xid", RUNNING, False, True),
        ("xid", RUNNING, True, False),
        ("xid", GAPLESS, True, True),
    ],
)
def test_when_nothing_is_read_twice(name: str, snapshot: Snapshot, standby: bool, gapless: bool) -> None:
    assert modes.watermark(name).gapless_after(Watermark(snapshot, NOW, standby)) is gapless


@pytest.mark.parametrize(
    ("name", "kinds", "column"),
    [
        ("updated_at", {}, "updated_at"),
        ("updated_at", {"last_update": "timestamp"}, "last_update"),
        ("updated_at", {"updated_at": "date", "modified_at": "timestamptz"}, "modified_at"),
        ("updated_at", {"modified_at": "timestamptz", "updated_at": "timestamp"}, "updated_at"),
        ("xid", {"updated_at": "timestamptz"}, "sync_xid"),
    ],
)
def test_the_column_that_is_stamped_by_default(name: str, kinds: dict[str, str], column: str) -> None:
    assert modes.watermark(name).stamp_column(kinds) == column


def test_each_delete_mode_is_of_one_kind() -> None:
    kinds = {name: (one.recorded, one.compares, one.marked, one.keeps) for name, one in modes.DELETES.items()}
    assert all(sum(kind) == 1 for kind in kinds.values())
    assert len(set(kinds.values())) == len(kinds)
