"""Decides what is told and when. Pure: it takes the time.

What is wrong is told once it has been so for `HOLD` seconds, since a failure that the next attempt mends is none, and
that it is over once that has been so for as long. What comes back soon after is told no sooner than `QUIET` after the
last word on it. A burst of messages is let through, then one a minute: what is wrong meanwhile waits for the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

HOLD, QUIET = 3.0, 300.0
BURST, EVERY = 20, 60.0


@dataclass(frozen=True)
class Condition:
    """Something that is wrong for as long as it is. The `kind` is failed, stale, guard or problem."""

    kind: str
    key: str
    message: str


@dataclass(frozen=True)
class Fact:
    """One line of a message; `since` is when it began to be so."""

    kind: str
    key: str
    message: str
    since: datetime

    def as_dict(self) -> dict[str, Any]:
        """The shape in a webhook's JSON."""
        return {"kind": self.kind, "key": self.key, "message": self.message, "since": self.since.isoformat()}


@dataclass(frozen=True)
class Notice:
    """One message: what began, what is over, and what happened."""

    firing: tuple[Fact, ...] = ()
    resolved: tuple[Fact, ...] = ()
    events: tuple[Fact, ...] = ()

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Its three parts in a webhook's JSON."""
        parts = ("firing", "resolved", "events")
        return {part: [fact.as_dict() for fact in getattr(self, part)] for part in parts}

    def __bool__(self) -> bool:
        return bool(self.firing or self.resolved or self.events)


@dataclass(frozen=True)
class Past:
    """How often was told what until `at`, and what happened that nobody was told of; times by a clock nobody sets."""

    at: float
    tokens: float
    last_word: Mapping[str, float]
    events: tuple[Fact, ...] = ()


@dataclass
class _Open:
    fact: Fact
    seen: float
    is_sent: bool = False
    # Since when it is over.
    over: float | None = None


@dataclass
class Ledger:
    """What was told and is not over yet."""

    _open: dict[str, _Open] = field(default_factory=dict)
    _last_word: dict[str, float] = field(default_factory=dict)
    _events: list[Fact] = field(default_factory=list)
    _tokens: float = BURST
    _filled: float | None = None

    def restore(self, facts: Iterable[Fact], past: Past | None = None) -> None:
        """These were told by the process before this one, which left this."""
        self._open |= {fact.key: _Open(fact, 0.0, is_sent=True) for fact in facts}
        if past is not None:
            self._tokens, self._filled, self._last_word = past.tokens, past.at, dict(past.last_word)
            self._events += past.events

    def past(self, seconds: float) -> Past:
        """What the next process has to know, so that it is no more often heard than this one."""
        at = seconds if self._filled is None else self._filled
        return Past(at, self._tokens, dict(self._last_word), tuple(self._events))

    def happened(self, kind: str, key: str, message: str, now: datetime) -> None:
        """Something to be told that has no end."""
        self.add([Fact(kind, key, message, now)])

    def add(self, events: Iterable[Fact]) -> None:
        """The same of several, with their own times."""
        self._events += events

    def look(self, wrong: Sequence[Condition], now: datetime, seconds: float, *, complete: bool = True) -> Notice:
        """What is to be told now. `seconds` is by a clock that nobody sets; unless `complete`, nothing is over yet."""
        self._note(wrong, now, seconds, complete=complete)
        if not self._may_speak(seconds):
            return Notice()
        notice = Notice(*(tuple(facts) for facts in (self._due(seconds), self._over(seconds), self._events)))
        self._events = []
        if notice:
            self._tokens -= 1
            self._last_word |= {fact.key: seconds for fact in (*notice.firing, *notice.resolved)}
        return notice

    def _note(self, wrong: Sequence[Condition], now: datetime, seconds: float, *, complete: bool) -> None:
        there = {one.key: one for one in wrong}
        for key, one in there.items():
            known = self._open.setdefault(key, _Open(Fact(one.kind, key, one.message, now), seconds))
            known.over = None
        for key in self._open.keys() - there.keys() if complete else ():
            known = self._open[key]
            known.over = seconds if known.over is None else known.over
            if not known.is_sent:
                del self._open[key]
        self._last_word = {key: at for key, at in self._last_word.items() if seconds - at < QUIET}

    def _may_speak(self, seconds: float) -> bool:
        if self._filled is not None:
            self._tokens = min(BURST, self._tokens + (seconds - self._filled) / EVERY)
        self._filled = seconds
        return self._tokens >= 1

    def _due(self, seconds: float) -> list[Fact]:
        due = [
            one
            for key, one in self._open.items()
            if not one.is_sent and seconds - one.seen >= HOLD and key not in self._last_word
        ]
        for one in due:
            one.is_sent = True
        return [one.fact for one in due]

    def _over(self, seconds: float) -> list[Fact]:
        over = [one.fact for one in self._open.values() if one.over is not None and seconds - one.over >= HOLD]
        for fact in over:
            del self._open[fact.key]
        return over
