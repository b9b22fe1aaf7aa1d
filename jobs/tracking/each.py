"""`track` and `untrack` at each of several sources: what the tables of one need is installed there, by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app import errors
from jobs.job import Job
from jobs.plan import sources
from jobs.tracking import install, visit

Result = TypeVar("Result")


Failed = Callable[[errors.NeaptideError], object]


def track(job: Job, names: list[str], warn: install.Warn = lambda _: None, failed: Failed | None = None) -> list[str]:
    """`install.track` at every source that the names mean; without names, at all.

    With `failed`, that is called where one of several sources can't be tracked, and nothing is raised.
    """
    return _joined(_at_each(job, names, lambda part, own: install.track(part, own, warn), failed))


def untrack(job: Job, names: list[str]) -> list[str]:
    """`install.untrack` at every source that the names mean; without names, at all."""
    return _joined(_at_each(job, names, install.untrack))


def script(job: Job, names: list[str], *, untrack: bool = False, role: str = "") -> str:
    """`visit.script` for every source that the names mean, each with a line that names it."""

    def of(part: Job, own: list[str]) -> str:
        head = f"-- For the database of {part.called}.\n" if job.parts else ""
        return head + visit.script(part, own, untrack=untrack, role=role)

    return "".join(_at_each(job, names, of))


def _at_each(
    job: Job, names: list[str], do: Callable[[Job, list[str]], Result], failed: Failed | None = None
) -> list[Result]:
    """What is done at each; one that is away keeps no other from it, and its error is raised at the end."""
    results: list[Result] = []
    failures: list[errors.NeaptideError] = []
    for part, own in sources.meant(job, names):
        try:
            results.append(do(part, list(own)))
        except errors.NeaptideError as error:
            failures.append(part.named(error) if job.parts else error)
    for one in failures:
        if failed is None or not job.parts:
            raise one
        failed(one)
    return results


def _joined(lists: list[list[str]]) -> list[str]:
    return [line for one in lists for line in one]
