"""Whether the source's clock was set back, told by two clocks that are never read at the same moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.position import clock
from jobs.source import position

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MARGIN = timedelta(minutes=1)


def read(server: float, asked: float, heard: float, boot: str = "this") -> dict[str, Any]:
    """The server's clock in seconds after noon, between two moments of the machine's."""
    return {
        "server": (NOON + timedelta(seconds=server)).isoformat(), "boot": boot, "asked": asked, "seconds": heard,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("saved", "now", "back"),
    [
        pytest.param(read(0, 0, 0), read(10, 10, 10), False, id="both went on"),
        pytest.param(read(0, 0, 0), read(-49, 10, 10), False, id="less than the margin"),
        pytest.param(read(0, 0, 0), read(-51, 10, 10), True, id="more than the margin"),
        pytest.param(read(0, 0, 0), read(3500, 3600, 3600), True, id="a step that the time gone by covers"),
        pytest.param(read(0, 0, 0), read(10, 10, 110), False, id="held up after the second answer"),
        pytest.param(read(100, 0, 100), read(110, 110, 110), False, id="held up before the first answer"),
        pytest.param(read(0, 0, 100), read(110, 110, 110), False, id="held up after the first answer"),
        pytest.param(read(0, 0, 100), read(-160, 110, 110), True, id="a step that no stall explains"),
        pytest.param(read(0, 0, 0), read(-50, 10, 10, "other"), False, id="another machine, within the margin"),
        pytest.param(read(0, 0, 0), read(-61, 10, 10, "other"), True, id="another machine, in the future"),
        pytest.param(read(0, 0, 0, ""), read(3500, 3600, 3600, ""), False, id="a machine that tells no boot"),
        pytest.param({}, read(0, 0, 0), False, id="nothing saved"),
    ],
)
def test_a_step_back_is_told_from_a_stall(saved: dict[str, Any], now: dict[str, Any], back: bool) -> None:
    assert clock.stepped_back(saved, now, MARGIN) is back


class Machine:
    """A machine that stands still for so many seconds after each answer, while the server's clock goes on."""

    def __init__(self, *stalls: float) -> None:
        self.now = 0.0
        self._stalls = list(stalls)

    def one(self, _conn: object, name: str) -> dict[str, Any]:
        answer = NOON + timedelta(seconds=self.now)
        self.now += self._stalls.pop(0) if name == "clock" else 0
        return {"clock": answer, "oldest": None, "hidden": 0, "silent": 0, "pending": 0}


@pytest.mark.parametrize(
    ("stalls", "server", "took"),
    [((0.01,), 0, 0.01), ((90, 0.01), 90, 0.01), ((90, 30, 60), 90, 30), ((2, 3, 4), 0, 2)],
)
def test_a_clock_whose_answer_came_late_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, stalls: tuple[float, ...], server: float, took: float
) -> None:
    """A stall would leave as much unknown of a step back; the promptest of some answers is taken."""
    machine = Machine(*stalls)
    monkeypatch.setattr(position, "one", machine.one)
    monkeypatch.setattr(clock, "_since_boot", lambda: machine.now)
    reading = position.read_floor(None)  # type: ignore[arg-type]
    assert reading.clock == NOON + timedelta(seconds=server)
    assert reading.clocks["server"] == reading.clock.isoformat()
    assert clock.took(reading.clocks) == pytest.approx(took)
