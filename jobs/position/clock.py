"""Tells whether the source's clock was set back between two runs, by a clock of this machine that can't be set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from jobs.position import watermark

_BOOT = Path("/proc/sys/kernel/random/boot_id")


# Two readings over a network, and a clock that is being slewed, differ by less.
_NOISE = timedelta(seconds=1)


def reading(server: datetime, asked: dict[str, Any]) -> dict[str, Any]:
    """The server's clock between two moments of this machine's, to be saved with the run.

    `asked` is one from before the question; `seconds` is now, after the answer. Times since the machine was booted.
    """
    return {"server": server.isoformat(), **asked, "asked": asked["seconds"], "seconds": _since_boot()}


def took(reading: dict[str, Any]) -> float:
    """The seconds between question and answer."""
    return float(reading["seconds"] - reading["asked"])


def instant() -> dict[str, Any]:
    """Now, for a comparison with another moment of this machine."""
    return {"boot": _boot(), "seconds": _since_boot()}


def not_before(later: dict[str, Any] | None, earlier: dict[str, Any]) -> bool:
    """Whether one instant was taken at or after the other; False where they can't be compared."""
    return bool(later and later["boot"] and later["boot"] == earlier["boot"]) and bool(
        later and later["seconds"] >= earlier["seconds"]
    )


def server_now(saved: dict[str, Any]) -> datetime | None:
    """The server's clock now by a reading of it; None where that is of another machine, or from before a reboot."""
    gone_by = _since_boot() - saved["seconds"]
    if not saved["boot"] or saved["boot"] != _boot() or gone_by < 0:
        return None
    return datetime.fromisoformat(saved["server"]).astimezone(UTC) + timedelta(seconds=gone_by)


def stepped_back(saved: dict[str, Any], now: dict[str, Any], margin: timedelta) -> bool:
    """Whether the server's clock has certainly lost more than `margin` between two readings.

    At least as much time went by as lies between the first answer and the second question, however long anything was
    held up. On another machine, or after a reboot, only a saved clock that lies in the server's future gives it away.
    """
    if not saved:
        return False
    comparable = saved["boot"] and saved["boot"] == now["boot"]
    elapsed = timedelta(seconds=max(0.0, now["asked"] - saved["seconds"])) if comparable else None
    before, after = (datetime.fromisoformat(reading["server"]) for reading in (saved, now))
    return watermark.clock_stepped_back(before, after, elapsed, max(margin, _NOISE))


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
