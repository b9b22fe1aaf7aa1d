"""What the runs of several sources wrote to one file, which is published once, after the last of them.

Each brings its tables to a snapshot of its own, in a transaction of its own: one that fails has changed nothing, and
what the others wrote is published without it. What a run says once it is published waits until all of it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from jobs import faults
from jobs.engine.failures import Damaged
from jobs.feeds.watermark import load
from jobs.job import Job
from jobs.record.runs import End
from jobs.results import Run
from jobs.targets.file import freshness, work
from jobs.targets.file.target import FileTarget
from jobs.targets.target import Seen, Version

# Called with the run, what could not be kept of the file's rights, and whether the file is as this run wrote it.
Told = Callable[[Run, str, bool], Run]


class Unfit(Exception):
    """What was written can't be gone on with: it is dropped, and each source publishes what it brings by itself."""


@dataclass(frozen=True)
class _Written:
    part: str
    run: Run
    announce: Told


class Pending:
    """The work file of one run over several sources."""

    def __init__(self, job: Job) -> None:
        self._job = job
        # The runs that are published, by their sources.
        self.runs: dict[str, Run] = {}
        # What has to stay open until all is said.
        self.held = ExitStack()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._over: Version | None = None
        self._written: list[_Written] = []
        # What is to be said, in the order in which the runs ended.
        self._waiting: list[_Written | Callable[[], object]] = []
        self._forgetting, self._is_new, self._begun = False, False, 0
        # The run that wrote the version that this follows: by it is known what lies beside that.
        self.base = ""
        # How the last of the runs ended, for the record that the next one completes.
        self.ended: End = None

    @property
    def is_there(self) -> bool:
        """Whether there is anything to go on with."""
        return bool(self._written)

    def look(self, job: Job) -> Seen:
        """What stands there, as the run of this source finds it."""
        try:
            with work.opened_written(job) as (_, state):
                return Seen(self._over, state)
        except Damaged as error:
            raise Unfit from error

    def begin(self, published: str, *, forgetting: bool) -> None:
        """A run begins it, over what the run `published` wrote, or goes on with it. One that fails may leave things."""
        if not self._written:
            self.base = published
        self._forgetting, self._begun = self._forgetting or forgetting, self._begun + 1

    def add(self, part: str, run: Run, over: Version | None, announce: Told, *, is_new: bool) -> Run:
        """Keep what a run wrote; `announce` is called once it is published."""
        if not self._written:
            self._over, self._is_new = over, is_new
        run = replace(run, finished_at=datetime.now(UTC), phases={**run.phases, "publish": 0.0})
        self._written.append(_Written(part, run, announce))
        self._waiting.append(self._written[-1])
        self.ended = freshness.end_of(run)
        faults.point("kept_back")
        return run

    def then(self, say: Callable[[], object]) -> None:
        """Say it now, or, where something waits to be published, after that."""
        if self._written:
            self._waiting.append(say)
        else:
            say()

    def publish(self) -> None:
        """Make it public, and say what waited for that."""
        if not self._written:
            return
        began = time.monotonic()
        if self._begun > len(self._written):
            self._settle()
        lost = FileTarget(self._job).publish(over=self._over, forgetting=self._forgetting, is_new=self._is_new)
        seconds = time.monotonic() - began
        for one in self._waiting:
            if isinstance(one, _Written):
                self.runs[one.part] = self._told(one, lost, seconds)
            else:
                one()
        self._begin_anew()

    def _told(self, one: _Written, lost: str, seconds: float) -> Run:
        if one is not self._written[-1]:
            return one.announce(one.run, "", False)
        run = replace(one.run, finished_at=datetime.now(UTC), phases={**one.run.phases, "publish": seconds})
        return one.announce(run, lost, self._begun == len(self._written))

    def _settle(self) -> None:
        """Take away what is left of a run that failed: what it copied anew lies beside the tables."""
        try:
            with work.opened_written(self._job) as (file, _):
                load.drop_all(file)
                file.checkpoint(merge=False)
        except Damaged as error:
            raise Unfit from error
