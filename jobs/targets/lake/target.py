"""A lake as a target: a run is one transaction, and its commit is the publish."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from app import errors, s3
from app.lakes import Lake
from jobs import disk
from jobs.beside import private
from jobs.beside.lake_names import LakeNames
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import Run
from jobs.source.session import SourceSession
from jobs.targets.lake import earlier, upkeep
from jobs.targets.lake.sessions import LakeSessions
from jobs.targets.target import LastBase, Seen, Version, Way

# There is one way: on from where the lake is.
_ON = (Way(history=False),)


class LakeTarget:
    """A `Target`: a catalog in PostgreSQL, and a folder of Parquet files."""

    def __init__(self, job: Job, lake: Lake, files: LakeNames) -> None:
        self._job, self._lake, self._files = job, lake, files
        self._catalog = files.shared
        self.sessions = LakeSessions(job, lake, self._catalog)

    @contextmanager
    def locked(self, *, wait: bool = True, timeout: float | None = None) -> Iterator[None]:
        """As in `Target`: an advisory lock of the catalog's database, for all machines."""
        with disk.translated():
            self._files.link.parent.mkdir(parents=True, exist_ok=True)
        with self._catalog.locked(wait=wait, timeout=timeout):
            try:
                yield
            finally:
                private.leave(self._files)

    def is_locked(self) -> bool:
        """As in `Target`."""
        return bool(self._catalog.holder())

    def holder(self) -> str:
        """As in `Target`."""
        with suppress(errors.NeaptideError):
            return self._catalog.holder()
        return ""

    def version(self) -> Version | None:
        """As in `Target`: the newest snapshot. One that only put files together has the same rows as that before."""
        return self._catalog.version()

    def clean(self) -> None:
        """As in `Target`: what is left of this machine's runs."""
        _clean(self._files)

    def keep_off(self) -> list[str]:
        """As in `Target`: who else may write there is a matter of the catalog's server."""
        return []

    def look(self) -> Seen:
        """As in `Target`."""
        version = self.version()
        if version is None:
            self._catalog.check_empty()
            return Seen(None)
        state = self.sessions.known(version)
        if state is not None and not state.damaged:
            self._lake.check_files()
            return Seen(version, state)
        with self.sessions.writing() as file:
            # Where another folder is meant than that of the catalog, the session has said so by now.
            self._lake.check_files()
            state = _said_by(file, self._job.part)
            warnings = earlier.warnings(self._job, file) if state.damaged else ()
        self.sessions.remember(version, state)
        return Seen(version, state, warnings)

    def peek(self) -> State:
        """As in `Target`."""
        version = self._catalog.version()
        if version is None:
            return State()
        with self.sessions.pinned(version) as file:
            return ledger.read(file, source=self._job.part)

    @contextmanager
    def reading(self) -> Iterator[DuckSession]:
        """As in `Target`: a session that is kept reads what is newest, and nobody else writes who has the lock."""
        opened = self.sessions.writing() if self._job.sessions else self.sessions.pinned(self._catalog.version())
        with opened as file:
            yield file

    def inspected(self) -> AbstractContextManager[DuckSession]:
        """As in `Target`: at one snapshot."""
        return self.sessions.inspected(self._catalog.version())

    def ways(self, published: State, *, full: bool, partial: bool, heal: bool) -> tuple[Way, ...]:
        """As in `Target`: what is of no use is replaced in the run's commit, so by a run of all tables."""
        if published.damaged and partial:
            raise Damaged("the lake has an earlier format", hint="run `neaptide sync`, which copies all of it anew")
        return _ON

    @contextmanager
    def writing(
        self, way: Way, published: State, now: SourceSession, last_base: LastBase, *, onto_published: bool = False
    ) -> Iterator[tuple[DuckSession, State]]:
        """As in `Target`: what is known of the lake holds if nobody has written since."""
        with self.sessions.writing() as file:
            file.look()
            state = self.sessions.known(file.seen) or _said_by(file, self._job.part)
            file.begin_anew(state.damaged)
            yield file, state
            file.unstage()

    def past(self, *, anew: bool) -> tuple[Path | None, list[str]]:
        """As in `Target`: a lake keeps no histories but its own snapshots."""
        return None, []

    @contextmanager
    def mending(self, *, anew: bool) -> Iterator[DuckSession]:
        """As in `Target`: the lake itself, in a transaction that is undone where there is nothing to mend."""
        with self.sessions.writing() as file:
            file.look()
            file.begin_anew(False)
            yield file

    def drop(self) -> None:
        """As in `Target`: what was not committed is gone."""

    def set_aside(self, error: Damaged) -> str:
        """As in `Target`: there is no second copy of a lake."""
        raise error

    def publish(self, *, over: Version | None = None, forgetting: bool = False, is_new: bool = True) -> str:
        """As in `Target`: it is public by now. To forget is to let go of every earlier snapshot."""
        if forgetting:
            with self.sessions.writing() as file:
                upkeep.forget(file)
        return ""

    def remember(self, state: State) -> None:
        """As in `Target`."""
        self.sessions.remember(self._catalog.version(), state)

    def tidy(self, run: Run) -> None:
        """As in `Target`."""
        if upkeep.is_due(run):
            with suppress(errors.NeaptideError):
                self._tidy()

    def tidy_now(self) -> None:
        """The same at once. Raises `errors.LockHeld`, and what goes wrong."""
        with self.locked():
            self._tidy()

    def _tidy(self) -> None:
        with self.sessions.writing() as file:
            self._lake.check_files()
            upkeep.tidy(file, self._job.settings.target.retention)

    def size(self) -> int:
        """As in `Target`."""
        return self._catalog.size()

    def check_rights(self) -> None:
        """As in `Target`: of a folder. What an object store allows shows when it is written to."""
        if not s3.is_one(self._lake.data):
            _check_folder(Path(self._lake.data))


def _said_by(file: DuckSession, source: str | None) -> State:
    """What the lake says of itself; where that is in a format of before, only that."""
    try:
        return ledger.read(file, source=source)
    except Damaged:
        return State(damaged=True)


def _clean(files: LakeNames) -> None:
    if os.path.lexists(files.private):
        with disk.translated():
            private.make(files)
            private.empty(files)


def _check_folder(folder: Path) -> None:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        hint = "give this user the right, or set another [target] data"
        raise errors.TargetUnusable(f"{there} can't be written to: no permission", hint=hint)
