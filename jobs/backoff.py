"""How to go on after a failure: doubling pauses with a cap, few log lines, one on recovery. Pure: it takes the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app import errors

FIRST = timedelta(seconds=1)
CAP = timedelta(minutes=1)
QUIET = timedelta(minutes=5)
# To ask a server that is away costs nobody anything, and it is to be in use again soon after it is back; where it says
# no, it writes that to its log each time, and may lock the account.
AWAY_CAP, REFUSED_CAP = timedelta(seconds=2), timedelta(seconds=15)


@dataclass
class Backoff:
    """Pauses of 1, 2, 4, … seconds, at most a minute."""

    first: timedelta = FIRST
    cap: timedelta = CAP
    failures: int = 0

    def failed(self) -> timedelta:
        """Count one more failure; how long to wait before the next attempt."""
        self.failures += 1
        # 2.0 ** 30 seconds are decades; beyond it the number would only overflow.
        return min(self.cap, self.first * 2.0 ** min(self.failures - 1, 30))

    def succeeded(self) -> None:
        """Begin anew with the shortest pause."""
        self.failures = 0


def until_reached(backoff: Backoff, error: errors.NeaptideError) -> timedelta:
    """Count one more vain attempt to reach a server; how long to wait before the next one."""
    cap = AWAY_CAP if isinstance(error, errors.Retryable) else REFUSED_CAP
    return min(cap, backoff.failed())


@dataclass(frozen=True)
class Trouble:
    """What is wrong now: the message, since when, and how often it was met."""

    message: str
    since: datetime
    count: int


@dataclass
class Reporter:
    """Decides which failures are told: the first, one with another message, and then one every `quiet`.

    In between they are counted, and the next line says how many there were.
    """

    quiet: timedelta = QUIET
    current: Trouble | None = None
    _told_at: float = 0.0

    def failed(self, message: str, now: datetime, seconds: float) -> Trouble | None:
        """The trouble to tell, with its count; None where it is too soon to say it again.

        `now` is for those who read it; `seconds`, by a clock that nobody sets, decides.
        """
        before = self.current
        self.current = Trouble(message, before.since if before else now, before.count + 1 if before else 1)
        new = before is None or before.message != message
        if new or seconds - self._told_at >= self.quiet.total_seconds():
            self._told_at = seconds
            return self.current
        return None

    def succeeded(self) -> Trouble | None:
        """The trouble that is over, to be told once; None where there was none."""
        over, self.current = self.current, None
        return over
