"""Finds out that this machine's wall clock was set, by a clock that can't be."""

from __future__ import annotations

import time
from datetime import timedelta

# What is set by less is a clock that is kept right; a schedule may be off by as much.
_NOISE = 1.0
_TRIES = 3
_INSTANT = 0.01


class WallClock:
    """Compares the wall clock with the time since boot, which goes on while the machine sleeps."""

    def __init__(self) -> None:
        self._ahead = _ahead()

    def step(self) -> timedelta:
        """By how much the clock was set since the last look: below zero for back, zero for not at all."""
        before, self._ahead = self._ahead, _ahead()
        moved = self._ahead - before
        return timedelta(seconds=moved) if abs(moved) > _NOISE else timedelta()


def _ahead() -> float:
    """The wall clock less the time since boot; read again where this process stood still between the two."""
    for _ in range(_TRIES):
        before = _since_boot()
        wall = time.time()
        if _since_boot() - before < _INSTANT:
            break
    return wall - before


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
