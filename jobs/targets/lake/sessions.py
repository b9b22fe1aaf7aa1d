"""How a lake is opened: to write to it, or to read one snapshot; and what is known of it between runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from app import errors
from app.lakes import Lake
from jobs.beside.catalog import Catalog
from jobs.engine import opening
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record.state import State
from jobs.targets.lake.session import LakeSession
from jobs.targets.target import NO_FILE, Version


class LakeSessions:
    """The sessions of one lake."""

    def __init__(self, job: Job, lake: Lake, catalog: Catalog) -> None:
        self._job, self._lake, self._catalog = job, lake, catalog

    @contextmanager
    def writing(self) -> Iterator[LakeSession]:
        """A session that may write; one that is kept stays attached."""
        with self._opened(opening.lent(self._job, LakeSession)) as file:
            file.open_lake(self._lake)
            file.permit = self._check
            yield file

    @contextmanager
    def pinned(self, version: int | None, *, strict: bool = False) -> Iterator[LakeSession]:
        """A session of its own that reads one snapshot; one for other people's SQL is `strict`."""
        with self._opened(opening.alone(self._job, LakeSession, strict=strict)) as file:
            file.open_lake(self._lake, snapshot=version)
            if version is not None:
                self._lake.check_files()
            yield file

    @contextmanager
    def inspected(self, version: int | None) -> Iterator[LakeSession]:
        """The same, that reaches nothing else. Raises `errors.NoReportingFile` where there is no snapshot."""
        if version is None:
            raise errors.NoReportingFile(NO_FILE)
        with self.pinned(version, strict=True) as file:
            file.close_off()
            file.refuse_views()
            yield file

    def known(self, version: Version | None) -> State | None:
        """What the lake says of itself at this version, where that is remembered."""
        remembered = self._job.sessions.state if self._job.sessions else None
        return remembered[1] if remembered and remembered[0] == version else None

    def remember(self, version: Version | None, state: State) -> None:
        """Keep for the next run what the lake says of itself at this version."""
        if self._job.sessions is not None and version is not None:
            self._job.sessions.state = (version, state)

    @contextmanager
    def _opened(self, session: AbstractContextManager[DuckSession]) -> Iterator[LakeSession]:
        with session as file:
            assert isinstance(file, LakeSession)
            yield file

    def _check(self) -> None:
        if self._job.sessions is not None:
            self._job.sessions.permit()
        self._catalog.check_held()
