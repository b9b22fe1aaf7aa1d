"""What a run asks of the place it writes to: a file, or another thing that a DuckDB session can attach.

A target says what it holds, lends sessions with that attached as `out`, and makes public what a run wrote. What tells
one published content from every other is a `Version`: nobody looks into it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.record.state import State
from jobs.results import Run
from jobs.source.session import SourceSession

NO_FILE = "there is no reporting file yet: run `neaptide sync`"
# Equal only for the same published content.
Version = Hashable
LastBase = Callable[[DuckSession], State | None]


@dataclass(frozen=True)
class Way:
    """How what is written begins: as the spare, `fresh` as a copy of what is published, or `empty`.

    `history` takes over the record of earlier runs from what is published. `goes_on`: with what another source's run
    wrote a moment ago, which is not published yet.
    """

    fresh: bool = False
    empty: bool = False
    history: bool = True
    goes_on: bool = False


@dataclass(frozen=True)
class Seen:
    """What was found published when a run began; `warnings` are for the run's record. A version of None: nothing is."""

    version: Version | None
    state: State = field(default_factory=State)
    warnings: tuple[str, ...] = ()


class Target(Protocol):
    """One target. Whoever writes holds its lock."""

    def locked(self, *, wait: bool = True, timeout: float | None = None) -> AbstractContextManager[None]:
        """Hold the lock. Raises `errors.LockHeld` where another run has it for longer than `timeout` seconds."""

    def is_locked(self) -> bool:
        """Whether a run is under way, in whatever process."""

    def holder(self) -> str:
        """Which other process holds the lock, in brackets; empty where it is free, or this one's."""

    def version(self) -> Version | None:
        """What tells the published content from every other; None where nothing is published."""

    def clean(self) -> None:
        """Remove what an earlier run left. Call with the lock held."""

    def keep_off(self) -> list[str]:
        """Undo what other programs did to what is published; returns what was done. Call with the lock held."""

    def look(self) -> Seen:
        """What is published; what is damaged is set aside. Call with the lock held."""

    def peek(self) -> State:
        """What the published content says of itself, changing nothing; an empty state where there is none."""

    def reading(self) -> AbstractContextManager[DuckSession]:
        """A session with what is published attached as `out`, to be read."""

    def inspected(self) -> AbstractContextManager[DuckSession]:
        """The same in a session of its own that reaches nothing else; raises `errors.NoReportingFile`, `Damaged`."""

    def ways(self, published: State, *, full: bool, partial: bool, heal: bool) -> tuple[Way, ...]:
        """The ways to write, to be tried in turn, the next one where the last found damage."""

    def writing(
        self, way: Way, published: State, now: SourceSession, last_base: LastBase, *, onto_published: bool = False
    ) -> AbstractContextManager[tuple[DuckSession, State]]:
        """A session with what is to be written attached as `out`, and what that says of itself."""

    def past(self, *, anew: bool) -> tuple[Path | None, list[str]]:
        """The file that histories are taken over from, and what there is to say of it; `anew` where what is published
        is damaged. Asked before anything is written.
        """

    def mending(self, *, anew: bool) -> AbstractContextManager[DuckSession]:
        """A session with a copy of what is published attached as `out`, or something empty where it is made `anew`."""

    def drop(self) -> None:
        """Forget what was written and is not published."""

    def set_aside(self, error: Damaged) -> str:
        """Keep what is published and damaged; returns the warning that says so."""

    def publish(self, *, over: Version | None = None, forgetting: bool = False, is_new: bool = True) -> str:
        """Make public what was written; returns what could not be kept of its rights.

        `over` is the version it follows. Raises `errors.LockHeld` where another one is published by now. `forgetting`
        takes the rows of older versions off the disk, which takes more where the content is not `is_new`.
        """

    def remember(self, state: State) -> None:
        """What was published a moment ago says this of itself, and need not be read again by the next run."""

    def tidy(self, run: Run) -> None:
        """What is done for the target's size once in a while. Its failure is no failure of the run."""

    def size(self) -> int:
        """The bytes that all of it takes."""

    def check_rights(self) -> None:
        """Raise an error where this user may not write there."""
