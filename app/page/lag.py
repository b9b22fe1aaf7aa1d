"""How far the file was behind, over the last hour, as long as this server has watched it."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.beside.names import Names
from jobs.targets.file import freshness

# How often it is looked at; how long that is remembered, in seconds.
EVERY, _HOUR = 2.0, 3600.0
_BINS = 30


@dataclass(frozen=True)
class Lag:
    """Ages of the data in seconds: at most `p95` for 95 % of the time, `most` ever. `seconds` is how long was watched.

    `bins` are the highest of each thirtieth of an hour, the newest last; those before the watch began are missing.
    """

    p95: float
    most: float
    seconds: float
    bins: tuple[float, ...]


class Watch:
    """Looks at the small file beside the link, which every run moves on; it keeps no more than an hour."""

    def __init__(self, files: Names) -> None:
        self._files = files
        self._seen: deque[tuple[float, float]] = deque()

    async def forever(self) -> None:
        """Look again and again."""
        while True:
            self.look(time.monotonic())
            await asyncio.sleep(EVERY)

    def look(self, at: float) -> None:
        """Note the age of the data at this moment of a clock that nobody sets; nothing where there is no file."""
        as_of = freshness.as_of(self._files)
        if as_of is not None:
            self._seen.append((at, max(0.0, (freshness.now(self._files) - as_of).total_seconds())))
        while self._seen and self._seen[0][0] < at - _HOUR:
            self._seen.popleft()

    def said(self) -> Lag | None:
        """What was seen; None where nothing was yet."""
        return of(list(self._seen))


def of(seen: Sequence[tuple[float, float]]) -> Lag | None:
    """Moments and ages to what they say."""
    if not seen:
        return None
    ages, last = sorted(age for _, age in seen), seen[-1][0]
    bins: dict[int, float] = {}
    for at, age in seen:
        place = int((last - at) / _HOUR * _BINS)
        bins[place] = max(age, bins.get(place, 0.0))
    shown = tuple(bins.get(place, 0.0) for place in range(max(bins), -1, -1))
    return Lag(ages[math.ceil(0.95 * len(ages)) - 1], ages[-1], last - seen[0][0], shown)
