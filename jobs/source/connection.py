"""How a session of PostgreSQL is opened: with which settings, and that they took."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.rows import dict_row

from app import config, maskkey, statements
from jobs.job import Job
from jobs.sessions import OpenSessions
from jobs.source import position, pulse
from jobs.source import settings as sessions
from jobs.source.failures import translated
from jobs.source.position import Identity
from jobs.source.settings import Connection, Session
from jobs.types import column_plan, masks

__all__ = ["Connection", "Source"]


class Source:
    """One run's way to PostgreSQL. `url` may hold a password and `pads` are as good as a key; neither is ever shown."""

    def __init__(
        self,
        url: str,
        settings: config.Source,
        sessions: OpenSessions | None = None,
        longest: timedelta = timedelta(hours=2),
        pads: str = "",
    ) -> None:
        self._url = url
        self._settings = settings
        self._sessions = sessions
        self.pads = pads
        self._longest = longest

    @classmethod
    def of(cls, job: Job) -> Source:
        """The way to what a job reads. Raises `errors.UsageError` where there are several."""
        job.check_reachable()
        settings, key = job.settings, job.settings.sync.mask_key
        pads = maskkey.pads(key.get_secret_value() if key else None)
        return cls(job.url, settings.source, job.sessions, settings.sync.deadline, pads)

    @classmethod
    def of_owner(cls, job: Job) -> Source:
        """The way there for what changes something: triggers that are installed, tombstones that are purged."""
        job.check_reachable()
        return cls(job.owner_url or job.url, job.settings.source, longest=job.settings.sync.deadline)

    @contextmanager
    def connect(self, *, application: str = "neaptide") -> Iterator[Connection]:
        """A read-only autocommit connection. Raises `errors.SourceUnavailable` or `errors.AccessDenied`."""
        with translated(), self._open(application) as conn:
            yield conn

    @contextmanager
    def meet(self, guard: Callable[[Connection], object] = lambda _: None) -> Iterator[tuple[Connection, Identity]]:
        """The connection of a run, perhaps a kept one, and which source it leads to.

        `guard` is given the connection before anything is asked. A kept one that died since the last run is found by
        the question, and replaced.
        """
        known: list[Identity] = []

        def ask(conn: Session) -> None:
            guard(conn)
            sessions.renew(conn, self.settings(), self._connector("neaptide"))
            known.append(position.identity(conn))

        with translated(), self._lent(ask) as conn:
            if not known:
                ask(conn)
            yield conn, known[0]

    def _lent(self, greet: Callable[[Session], object]) -> AbstractContextManager[Session]:
        if self._sessions is None:
            return self._open("neaptide")
        return self._sessions.source.lend(lambda: self._open("neaptide"), greet)

    def _open(self, application: str) -> Session:
        conn = self.open(application)
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        return conn

    def open(
        self, application: str, more: Mapping[str, str] | None = None, *, limit: float | None = None, **options: str
    ) -> Session:
        """A new autocommit connection with the settings of every session, and with `more`. Raises psycopg's errors.

        `options` are libpq's, and an answer may take `limit` seconds. Raises `errors.ConfigError` behind a pooler that
        gives no session.
        """
        connect = self._connector(application, **options)
        conn = connect()
        conn.limit = limit
        try:
            sessions.adopt(conn, {**self.settings(), **(more or {})}, connect)
        except BaseException:
            conn.close()
            raise
        return conn

    def replicating(self, application: str) -> psycopg.Connection[Any]:
        """A new session of the replication protocol, which knows no bound values. Raises psycopg's errors."""
        text = conninfo.make_conninfo(self._url, **self.options(application), replication="database")
        conn = psycopg.connect(text, autocommit=True)
        # Keys come as the texts of their values, which have to be the same as everywhere. In the server's own encoding:
        # a text that has none in UTF-8 would end the stream, whatever column it stands in.
        conn.execute(sessions.statement(column_plan.READER_SETTINGS).encode())
        conn.execute(f"SET client_encoding = {conn.info.parameter_status('server_encoding')}".encode())
        return conn

    def give_pads(self, conn: Connection) -> None:
        """Give the open transaction what the masks are computed with, where its session reads for the run itself."""
        if self.pads:
            row = conn.execute(statements.get("masks", "nonce")).fetchone()
            assert row is not None
            conn.execute(statements.get("masks", "pads"), {"hidden": masks.hidden(self.pads, row["nonce"])})

    def answers(self, seconds: float) -> bool:
        """Whether the server says anything at all within so many seconds."""
        return pulse.answers(conninfo.make_conninfo(self._url, **self.options()), seconds)

    def _connector(self, application: str, **options: str) -> Callable[[], Session]:
        text = conninfo.make_conninfo(self._url, **{**self.options(application), **options})
        return partial(Session.connect, text, row_factory=dict_row, autocommit=True)

    def options(self, application: str = "neaptide") -> dict[str, str]:
        """What every connection of a run is made with beside the URL: its name, bounds, keepalives. No secret."""
        return {
            "application_name": f"{application} {os.getpid()}",
            "connect_timeout": str(max(2, int(self._settings.connect_timeout.total_seconds()))),
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "tcp_user_timeout": "60000",
        }

    def settings(self) -> dict[str, str]:
        """What every session of a run has set, whatever its role has: bounds, and how values are spelled.

        Older servers don't know all of them.
        """
        return {
            "statement_timeout": _ms(self._settings.statement_timeout),
            "lock_timeout": _ms(self._settings.lock_timeout),
            # The control session waits in its transaction while others read, at most for as long as a run may last.
            "idle_in_transaction_session_timeout": _ms(self._longest + timedelta(minutes=1)),
            # Sessions that are kept wait for the next run, and [sync] deadline bounds a run.
            "idle_session_timeout": "0",
            "transaction_timeout": "0",
            # A role that row-level security hides rows from gets an error instead of a smaller copy.
            "row_security": "off",
            # A view that took a table's place is not read; where views are asked for, see `settings.let_views`.
            "restrict_nonsystem_relation_kind": "view",
            **column_plan.READER_SETTINGS,
        }

    def end_sessions(self) -> None:
        """Have the server end every session this process has for its runs, found by their name."""
        with self.connect(application="neaptide deadline") as conn:
            conn.execute(statements.get("source", "end_sessions"), {"name": f"neaptide {os.getpid()}"})

    def parts(self) -> dict[str, str]:
        """host, port, user, password and dbname as libpq sees them, for DuckDB's secret."""
        fields = conninfo.conninfo_to_dict(self._url)
        return {key: str(value) for key, value in fields.items() if value is not None}


def _ms(value: timedelta) -> str:
    return str(int(value.total_seconds() * 1000))
