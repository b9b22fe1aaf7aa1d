"""Neaptide from Python: open a project's reporting file, ask it, run its reports, sync once.

    import neaptide

    with neaptide.open("config.toml", max_staleness="10s") as file:
        print(file.as_of, file.query("SELECT count(*) FROM shop.orders").rows)
        sales = file.report("sales_monthly", months=6)

A program that asks often keeps a `Project`, whose sessions stay open between runs: a run with nothing to do takes
milliseconds then. Everything raised on purpose is an `errors.NeaptideError` with a `message` and perhaps a `hint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from app import __version__, bootstrap, errors
from jobs.projections.projection import Projection

if TYPE_CHECKING:
    from app.config import Settings
    from app.reporting.result import Result
    from app.reporting.store import Parameters, Store
    from jobs.results import Run
    from jobs.sessions import OpenSessions

__all__ = ["File", "Project", "Projection", "__version__", "errors", "open"]

Age = timedelta | str
"""A span of time, or its text in the config's spelling: `"250ms"`, `"10s"`, `"1m30s"`, `"2h"`."""


class File:
    """An open reporting file: one consistent state, however often a sync publishes. Use it from one thread."""

    def __init__(self, store: Store, project: Project) -> None:
        self._store, self._project = store, project

    @property
    def as_of(self) -> datetime:
        """The moment in the source that the file shows, in UTC."""
        return self._store.as_of

    @property
    def run_id(self) -> str:
        """The run that wrote the file; another one is another file."""
        return self._store.run_id

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every copied table, sorted."""
        return self._store.tables()

    def query(self, sql: str, params: Parameters = ()) -> Result:
        """Run one reading statement with bound values (`?`, or `$name` with a dict); times come back in UTC.

        A value that Python has no type for is text, as PostgreSQL spells it: an interval, infinity, a far date. Raises
        `errors.UsageError` for any other statement, `errors.QueryFailed` with DuckDB's message, `errors.QueryTooBig`
        beyond the limits of `[query]`.
        """
        return self._store.query(sql, params)

    def report(self, name: str, /, **parameters: object) -> Result:
        """Run a report of the project's folder; `from_` stands for a parameter called `from`.

        Raises `errors.UnknownReport` and `errors.BadParameter`, which name what there is.
        """
        from app.queries import reports

        given = {key.rstrip("_"): _text(value) for key, value in parameters.items() if value is not None}
        return reports.run(self._store, bootstrap.reports(self._project.settings).get(name), given)


class Project:
    """A folder with a `config.toml`, and the sessions that stay open between its runs. Close it at the end."""

    def __init__(self, config: str | Path = "config.toml") -> None:
        """Reads the config and connects to nothing. Raises `errors.ConfigError`."""
        self._path = Path(config)
        self.settings: Settings = bootstrap.load_settings(self._path)
        self._sessions: OpenSessions | None = None

    @contextmanager
    def open(
        self, *, max_staleness: Age | None = None, timeout: Age | None = None, live: bool = False
    ) -> Iterator[File]:
        """The published file; with `max_staleness` it is synced first where it is older, `"0s"` sees every commit.

        `timeout` bounds that sync. `live` asks PostgreSQL itself, under the file's names and types, and so does every
        call where `[read] mode = "source"`; a replica is then waited for. Raises
        `errors.NoReportingFile`, `errors.TooStale`, `errors.TargetUnusable`, and what a sync raises.
        """
        store = bootstrap.reading(
            self.settings,
            source=live,
            max_staleness=_span(max_staleness),
            timeout=_span(timeout),
            sessions=self._open_sessions(),
        )
        with store as opened:
            yield File(opened, self)

    def sync(self, tables: str | Iterable[str] = (), *, full: bool = False) -> Run:
        """Bring the file up to one snapshot of the source, and publish it where anything changed.

        `tables` limits the run to one or some of the config's. A table that failed is in the run's `failed`; what
        concerns all of them is raised, and the published file is then as it was.
        """
        from jobs.run import sync

        wanted = [tables] if isinstance(tables, str) else list(tables)
        return sync.sync_once(
            bootstrap.job(self.settings, sessions=self._open_sessions()), tables=wanted or None, full=full
        )

    def close(self) -> None:
        """End the sessions. Closing twice is fine."""
        sessions, self._sessions = self._sessions, None
        if sessions is not None:
            sessions.close()

    def _open_sessions(self) -> OpenSessions:
        from jobs.sessions import OpenSessions

        self._sessions = self._sessions or OpenSessions()
        return self._sessions

    def __enter__(self) -> Project:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@contextmanager
def open(  # noqa: A001  neaptide.open is the name people look for
    config: str | Path = "config.toml",
    *,
    max_staleness: Age | None = None,
    timeout: Age | None = None,
    live: bool = False,
) -> Iterator[File]:
    """A project's reporting file, opened once: `Project(config).open(…)`, closed with it."""
    with Project(config) as project, project.open(max_staleness=max_staleness, timeout=timeout, live=live) as file:
        yield file


def _span(value: Age | None) -> timedelta | None:
    from app import config

    try:
        return None if value is None else config.duration(value)
    except ValueError as error:
        raise errors.UsageError(str(error)) from None


def _text(value: object) -> str:
    """A parameter as the command line would give it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
