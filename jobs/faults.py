"""Named points at which a test may kill the process: `NEAPTIDE_FAULT=before_swap`, or `before_swap:3` for the third time.

Without the variable a point is a call that returns at once.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_WANTED, _, _NTH = os.environ.get("NEAPTIDE_FAULT", "").partition(":")
_seen: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here, without a word, if the environment asks for it."""
    if name != _WANTED:
        return
    _seen[name] += 1
    if _seen[name] == int(_NTH or 1):
        os.kill(os.getpid(), signal.SIGKILL)
