from __future__ import annotations

from typing import Any

import pytest

from app.domain import errors
from app.domain.quantity import LARGEST, Quantity


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None, LARGEST + 1])
def test_what_is_no_whole_number_from_one_is_refused(value: Any) -> None:
    with pytest.raises(errors.InvalidQuantity):
        Quantity(value)


def test_a_quantity_counts_like_a_number() -> None:
    assert Quantity(2) + Quantity(LARGEST) == LARGEST + 2
