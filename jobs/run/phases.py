"""How long each part of a run takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Seconds by phase of one run. A phase that is entered again adds to its time."""

    def __init__(self) -> None:
        self._ended: dict[str, float] = {}
        self._under_way: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is done inside for this phase, if it ends in order."""
        began = self._under_way[name] = time.monotonic()
        yield
        del self._under_way[name]
        self._ended[name] = self._ended.get(name, 0.0) + time.monotonic() - began

    def seconds(self) -> dict[str, float]:
        """Seconds by phase so far: the record of a run is written in the middle of one."""
        now = time.monotonic()
        return self._ended | {name: now - began for name, began in self._under_way.items()}
