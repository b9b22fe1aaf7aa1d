from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from app.domain import errors, ids

MOMENT = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_that_holds_its_moment() -> None:
    # The example of RFC 9562, appendix A.6.
    entropy = ((0xCC3 << 62) | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    made = ids.id_at(datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC), entropy)
    assert made == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    assert (made.version, made.variant) == (7, RFC_4122)


def test_ids_sort_by_their_moment() -> None:
    later = ids.id_at(MOMENT + timedelta(milliseconds=1), bytes(10))
    assert ids.id_at(MOMENT, b"\xff" * 10) < later


def test_a_seeded_id_is_the_same_each_time_and_another_for_other_entropy() -> None:
    assert ids.id_at(MOMENT, b"0123456789") == ids.id_at(MOMENT, b"0123456789")
    assert ids.id_at(MOMENT, b"0123456789") != ids.id_at(MOMENT, b"0123456780")


def test_fresh_ids_differ() -> None:
    made = {ids.new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert {one.version for one in made} == {7}


def test_a_moment_without_offset_is_refused() -> None:
    with pytest.raises(errors.InvalidTime):
        ids.id_at(datetime(2026, 1, 1), bytes(10))
    with pytest.raises(errors.InvalidId):
        ids.id_at(MOMENT, bytes(9))
