"""The site: what all of its pages share."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request

from app import bootstrap, errors
from app.charts.worker import Worker
from app.config import duration
from app.page import onsource
from app.page.lag import Watch
from app.page.news import News
from app.page.reader import Reader
from app.queries.reports import Catalogue
from jobs.daemon.monitor import Answers
from jobs.job import Job
from jobs.results import Status
from jobs.status import report
from jobs.targets.file import freshness

_NAVIGATION = (("Overview", "/"), ("Reports", "/reports"), ("Tables", "/tables"), ("SQL", "/sql"), ("Runs", "/runs"))
_RUNS = 1000


class Site:
    """What pages are made of."""

    def __init__(self, job: Job, answers: Answers) -> None:
        self.job, self.settings, self.answers = job, job.settings, answers
        self.reader = onsource.SourceReader(job.settings) if job.settings.read.on_source else Reader(job.settings)
        self.news = News(self.reader)
        self.lag = Watch(self.reader.files)
        self.painter = Worker()

    def catalogue(self) -> Catalogue:
        """The project's reports as their files are now."""
        return bootstrap.reports(self.settings)

    def status(self) -> Status:
        """How the file stands; looked at once for each run, also for those that change nothing."""
        run = self.reader.last_run()
        key = (
            "status",
            self.reader.version(),
            run.get("as_of"),
            int(freshness.now(self.reader.files).timestamp()) // 5,
        )
        return self.reader.cached(key, lambda: report.read_status(self.job, runs=_RUNS))

    def head(self, request: Request, title: str) -> dict[str, Any]:
        """What stands on every page: where one is, and as of when the data are."""
        as_of = None
        with suppress(errors.NeaptideError):  # a page says itself what is wrong, that of an error as well
            as_of = self.reader.as_of()
        now = freshness.now(self.reader.files)
        path = request.url.path
        pages = [(name, at, path == at or (at != "/" and path.startswith(at))) for name, at in _NAVIGATION]
        return {"title": title, "pages": pages, "as_of": as_of, "now": now, "age": _age(as_of, now),
                "limits": self._limits(), "version": self.reader.name()}  # fmt: skip

    def _limits(self) -> tuple[float | None, float | None]:
        """From which age on the data are late, and too late."""
        wanted = self.settings.freshness
        warn, fail = (one.total_seconds() if one else None for one in (wanted.warn, wanted.fail))
        return warn, fail

    def freshen(self, request: Request, declared: frozenset[str] = frozenset()) -> None:
        """`?max_staleness=10s` syncs first where the file is older. Raises `errors.UsageError` for no span of time."""
        given = request.query_params.get("max_staleness")
        if given is None or "max_staleness" in declared:
            return
        try:
            limit: timedelta = duration(given)
        except ValueError as error:
            raise errors.UsageError(f"max_staleness: {error}") from None
        self.reader.freshen(limit)

    def close(self) -> None:
        """Give everything back."""
        self.reader.close()
        self.painter.close()


def _age(as_of: datetime | None, now: datetime) -> float | None:
    return max(0.0, (now - as_of).total_seconds()) if as_of else None


def of(request: Request) -> Site:
    """The site that a request is for."""
    site: Site = request.app.state.site
    return site
