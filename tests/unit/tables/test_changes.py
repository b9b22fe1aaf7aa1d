"""Which differences between two signatures of a table mean that values are to be seen no more."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.tables import drift


def column(place: int, **given: Any) -> dict[str, Any]:
    return {"place": place, "name": f"c{place}", "source": f"c{place}", "duckdb": "VARCHAR", **given}


def signature(*columns: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"table": 1, "columns": list(columns), "config": ["updated_at", "", []], "triggers": [], **given}


BEFORE = signature(column(1), column(2))


@pytest.mark.parametrize(
    ("now", "hides"),
    [
        (BEFORE, False),
        (signature(column(1), column(2), column(3)), False),
        (signature(column(1), column(2), triggers=["new"]), False),
        (signature(column(1), column(2), storage="moved"), False),
        (signature(column(1)), True),
        (signature(column(1), column(2, source="mask(c2)")), True),
        (signature(column(1), column(2, name="other")), True),
        (signature(column(1), column(2), config=["updated_at", "id < 3", []]), True),
        (signature(column(1), column(2), config=["updated_at", "", [["c2", "hash"]]]), True),
        (signature(column(1), column(2), table=2), True),
    ],
)
def test_a_signature_hides_what_another_showed(now: dict[str, Any], hides: bool) -> None:
    assert drift.hides(BEFORE, now) is hides
    assert not drift.hides({}, now)
