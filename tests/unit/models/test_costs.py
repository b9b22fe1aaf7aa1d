"""Whether a model is worked out for some keys or made anew, by what either took before."""

from __future__ import annotations

import json

import pytest

from jobs.models import costs
from jobs.models.costs import FEW, Costs, Measured

ROWS = 1_000_000
QUARTER = ROWS // 4
KEPT = Costs(few=Measured(100, 1.0), many=Measured(10_100, 2.0), rebuild=Measured(ROWS, 8.0))


@pytest.mark.parametrize(
    ("known", "rows", "most"),
    [
        # Nothing is known, or not of both.
        (Costs(), ROWS, QUARTER),
        (Costs(), 10, FEW),
        (costs.first(ROWS, 1.0), ROWS, QUARTER),
        (Costs(few=Measured(5, 9.0), rebuild=Measured(ROWS, 1.0)), ROWS, QUARTER),
        (Costs(many=Measured(2000, 9.0)), ROWS, QUARTER),
        # Farther than four times as many keys nothing is believed of the upkeep.
        (KEPT, ROWS, QUARTER),
        (KEPT.maintained(30_100, 4.0), ROWS, 90_100),
        # A rebuild has to be clearly cheaper, and the upkeep then, too.
        (KEPT.maintained(90_100, 10.0), ROWS, 90_100),
        (Costs(KEPT.few, Measured(90_100, 10.0), Measured(ROWS, 8.0), anew=True), ROWS, 54_100),
        # A rebuild takes by the rows.
        (KEPT.maintained(90_100, 10.0), 2 * ROWS, 190_100),
        # The upkeep of a share of the keys that was dear before is measured to be cheap.
        (KEPT.maintained(500_100, 3.0), ROWS, 2_000_400),
        # More keys took no longer than few, and what took no time at all.
        (KEPT.maintained(5000, 0.5), ROWS, QUARTER),
        (Costs(Measured(10, 0.0), Measured(2000, 0.0), Measured(ROWS, 0.0)), ROWS, QUARTER),
        # However dear, few keys are worked out again.
        (KEPT.maintained(2000, 90.0), ROWS, FEW),
    ],
)
def test_so_many_keys_are_worked_out_again_at_most(known: Costs, rows: int, most: int) -> None:
    assert known.threshold(rows) == most


def test_what_is_not_measured_again_is_tried_again_some_time() -> None:
    known = KEPT.maintained(200_000, 90.0)
    assert known.threshold(ROWS) < 200_000
    times = 0
    while known.threshold(ROWS) < 200_000:
        known, times = known.rebuilt(ROWS, 8.0), times + 1
    assert 5 < times < 50


def test_the_reason_says_what_either_takes() -> None:
    assert costs.rebuild_reason(Costs(), 300, 900) == ("share", "300 of 900 keys may have changed")
    cause, reason = costs.rebuild_reason(KEPT.maintained(90_100, 10.0), 95_000, ROWS)
    assert cause == "cost"
    assert reason == (
        "95,000 of 1,000,000 keys may have changed: about 10.49 s of processor time to work those out, "
        "8.00 s to make it anew"
    )


def test_the_file_keeps_them_as_they_are() -> None:
    for known in (Costs(), KEPT, KEPT.rebuilt(5, 1.5)):
        assert costs.of(json.loads(json.dumps(costs.as_dict(known)))) == known
    assert costs.of({}) == Costs()
