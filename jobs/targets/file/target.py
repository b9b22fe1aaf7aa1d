"""The reporting file as a target: what is written is a file of its own, until its name becomes the link's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from app import errors
from jobs.engine import opening
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record.state import State
from jobs.results import Run
from jobs.source.session import SourceSession
from jobs.targets.file import compact, draft, lock, past, strangers, work
from jobs.targets.file.publish import Publisher
from jobs.targets.target import NO_FILE, LastBase, Seen, Version, Way


class FileTarget:
    """A `Target`: two files that take turns."""

    def __init__(self, job: Job) -> None:
        self._job, self._files = job, job.files

    def locked(self, *, wait: bool = True, timeout: float | None = None) -> AbstractContextManager[None]:
        """As in `Target`."""
        return lock.locked(self._files, wait=wait, timeout=timeout)

    def is_locked(self) -> bool:
        """As in `Target`."""
        return lock.is_locked(self._files)

    def holder(self) -> str:
        """As in `Target`."""
        return lock.holder(self._files)

    def version(self) -> Version | None:
        """As in `Target`."""
        return self._files.version()

    def clean(self) -> None:
        """As in `Target`."""
        Publisher(self._job.files).clean()

    def keep_off(self) -> list[str]:
        """As in `Target`."""
        return strangers.keep_off(self._job)

    def look(self) -> Seen:
        """As in `Target`."""
        # Before the file is read: whoever publishes from another machine after this is noticed.
        version = self.version()
        state, warnings = work.published_state(self._job)
        return Seen(version, state, tuple(warnings))

    def peek(self) -> State:
        """As in `Target`."""
        return work.peek(self._job)

    def reading(self) -> AbstractContextManager[DuckSession]:
        """As in `Target`."""
        path = self._files.published
        assert path is not None
        return opening.opened(self._job, path, read_only=True)

    @contextmanager
    def inspected(self) -> Iterator[DuckSession]:
        """As in `Target`: the file as it was published and without a log of a stranger's."""
        while True:
            published = self._files.published
            if published is None:
                raise errors.NoReportingFile(NO_FILE)
            strangers.check_logs(self._job)
            try:
                strangers.check(self._job, published)
            except errors.TargetUnusable:
                # A run may publish now: look again.
                if published == self._files.published:
                    raise
            else:
                break
        with opening.inspected(self._job, published) as file:
            yield file

    def ways(self, published: State, *, full: bool, partial: bool, heal: bool) -> tuple[Way, ...]:
        """As in `Target`."""
        return work.ways(published, full=full, partial=partial, heal=heal)

    @contextmanager
    def writing(
        self, way: Way, published: State, now: SourceSession, last_base: LastBase, *, onto_published: bool = False
    ) -> Iterator[tuple[DuckSession, State]]:
        """As in `Target`."""
        if way.goes_on:
            with work.opened_written(self._job) as opened:
                yield opened
            return
        resumed = draft.begin(self._files, fresh=way.fresh or onto_published, empty=way.empty)
        try:
            with work.opened_work(self._job, resumed, published, now, last_base) as opened:
                yield opened
        except Damaged:
            # Whichever of the two it was: the other's histories may be read.
            past.retain(self._files, None if way.fresh or way.empty else self._files.work)
            raise

    def past(self, *, anew: bool) -> tuple[Path | None, list[str]]:
        """As in `Target`."""
        if not anew:
            return self._files.published, []
        past.retain(self._files, self._files.spare)
        newest = past.newest_whole(self._job)
        return newest, past.warnings(self._job, newest)

    @contextmanager
    def mending(self, *, anew: bool) -> Iterator[DuckSession]:
        """As in `Target`."""
        draft.begin(self._files, fresh=not anew, empty=anew)
        with opening.opened(self._job, self._files.work) as file:
            yield file

    def drop(self) -> None:
        """As in `Target`."""
        draft.drop(self._files)

    def set_aside(self, error: Damaged) -> str:
        """As in `Target`."""
        return work.set_aside(self._job, error)

    def publish(self, *, over: Version | None = None, forgetting: bool = False, is_new: bool = True) -> str:
        """As in `Target`."""
        if forgetting and not is_new:
            # Old rows lie in its free blocks, and in what was copied from the file before.
            compact.rebuild(self._job, self._files.work)
        if self._job.sessions is not None:
            self._job.sessions.permit()
        return Publisher(self._job.files).publish(over=over, forgetting=forgetting)

    def remember(self, state: State) -> None:
        """As in `Target`."""
        work.remember(self._job, state)

    def tidy(self, run: Run) -> None:
        """As in `Target`."""
        compact.sometimes(self._job, run)

    def size(self) -> int:
        """As in `Target`: both files, which may be two names of one."""
        statuses = [version.path.stat() for version in self._files.versions()[:2]]
        return sum({state.st_ino: state.st_size for state in statuses}.values())

    def check_rights(self) -> None:
        """As in `Target`: a run makes its folder, its lock and its file."""
        folder = self._files.link.parent
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise errors.TargetUnusable(
                f"{there} can't be written to: no permission",
                hint="give this user the right, or set another [target] path",
            )
