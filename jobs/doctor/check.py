"""What one look found: how it is, what of it, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from app import errors

OK, WARN, FAIL, SKIPPED = "ok", "warn", "fail", "skipped"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `level` is ok, warn, fail, or skipped where it could not be looked at."""

    name: str
    level: str
    message: str
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        return asdict(self)


def ok(name: str, message: str) -> Check:
    """As it should be."""
    return Check(name, OK, message)


def warn(name: str, message: str, hint: str | None = None) -> Check:
    """It works, but will not always, or not as well as it could."""
    return Check(name, WARN, message, hint)


def fail(name: str, message: str, hint: str | None = None) -> Check:
    """Runs fail, or would."""
    return Check(name, FAIL, message, hint)


def skipped(name: str, message: str) -> Check:
    """It could not be looked at."""
    return Check(name, SKIPPED, message)


def guarded(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """What a look finds; one that fails is a finding of its own and keeps nobody from the next."""
    try:
        yield from look()
    except errors.NeaptideError as error:
        yield fail(name, error.message, error.hint)
    except OSError as error:
        yield fail(name, str(error))
