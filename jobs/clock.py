"""Tells whether the source's clock was set back between two runs, by a clock of this machine that can't be set."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from jobs import watermark

_BOOT = Path("/proc/sys/kernel/random/boot_id")


# Two readings over a network, and a clock that is being slewed, differ by less.
_NOISE = timedelta(seconds=1)


def reading(server: datetime) -> dict[str, Any]:
    """The server's clock beside this machine's time since it was booted, to be saved with the run."""
    return {"server": server.isoformat(), "boot": _boot(), "seconds": _since_boot()}


def mark() -> dict[str, Any]:
    """Now, for a comparison with another moment of this machine."""
    return {"boot": _boot(), "seconds": _since_boot()}


def not_before(later: dict[str, Any] | None, earlier: dict[str, Any]) -> bool:
    """Whether one mark was taken at or after the other; False where they can't be compared."""
    return bool(later and later["boot"] and later["boot"] == earlier["boot"]) and bool(
        later and later["seconds"] >= earlier["seconds"]
    )


def stepped_back(saved: dict[str, Any], server: datetime, margin: timedelta) -> bool:
    """Whether the server's clock has lost more than `margin` since the reading was saved.

    On another machine, or after a reboot, only a saved clock that lies in the server's future gives it away.
    """
    if not saved:
        return False
    comparable = saved["boot"] and saved["boot"] == _boot()
    elapsed = timedelta(seconds=max(0.0, _since_boot() - saved["seconds"])) if comparable else None
    return watermark.clock_stepped_back(datetime.fromisoformat(saved["server"]), server, elapsed, max(margin, _NOISE))


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
