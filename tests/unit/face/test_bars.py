"""What stands behind the bar of a table that is being copied."""

from __future__ import annotations

import pytest

from app.face import bars


@pytest.mark.parametrize(
    ("done", "total", "seconds", "told"),
    [
        (4_100_000, 5_000_000, 2.5625, "4.1 of 5.0 M rows  1.6 M/s  0 s left"),
        (1_000_000, 5_000_000, 10, "1.0 of 5.0 M rows  100.0 k/s  40 s left"),
        (0, 300, 0, "0 of 300 rows"),
        (300, 300, 0.1, "300 of 300 rows"),
        (600, 0, 0.1, "600 rows"),
        (600, None, 1, "600 rows  600/s"),
        (600, 500, 1, "600 rows  600/s"),
        (0, 5_000_000, 3, "0.0 of 5.0 M rows"),
    ],
)
def test_how_far_how_fast_and_how_long(done: float, total: float | None, seconds: float, told: str) -> None:
    assert bars.said(done, total, seconds) == told


@pytest.mark.parametrize("total", [None, 0, 5])
def test_a_bar_is_drawn_for_any_number_of_rows(total: int | None) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = bars.for_stream(Terminal(), quiet=False)
    shown.start("shop.orders", total)
    shown.advance("shop.orders", 3)
    shown.finish("shop.orders")
