"""The ledger of sales that may come back."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.demo.rules import Key, Ledger, Sold

KEY: Key = ("7", "A", Decimal("2.50"))


def test_only_what_is_ever_returned_is_kept() -> None:
    ledger = Ledger(set())
    ledger.sell(KEY, Sold(uuid4(), 1, 5))
    assert ledger.match(KEY, 1) == [] and ledger.peek(KEY) == []


def test_going_back_undoes_sales_and_returns() -> None:
    ledger = Ledger({KEY})
    ledger.sell(KEY, Sold(uuid4(), 1, 5))
    ledger.commit()
    mark = ledger.savepoint()
    ledger.sell(KEY, Sold(uuid4(), 1, 3))
    assert sum(piece.quantity for piece in ledger.match(KEY, 7)) == 7
    ledger.back_to(mark)
    assert [piece.quantity for piece in ledger.match(KEY, 5)] == [5]


@given(st.lists(st.integers(-6, 6).filter(bool), max_size=40))
def test_never_more_comes_back_than_was_sold(steps: list[int]) -> None:
    ledger, left = Ledger({KEY}), 0
    for step in steps:
        if step > 0:
            ledger.sell(KEY, Sold(uuid4(), 1, step))
            left += step
        else:
            found = ledger.match(KEY, -step)
            assert bool(found) == (-step <= left)
            assert sum(piece.quantity for piece in found) == (-step if found else 0)
            left -= sum(piece.quantity for piece in found)
