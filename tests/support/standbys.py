"""A primary and a hot standby that streams from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg

from app.oltp.embedded.server import EmbeddedServer
from tests.support import cluster, servers
from tests.support.servers import ask


@dataclass
class Pair:
    """Both servers, and the database of a test."""

    primary: EmbeddedServer
    standby: EmbeddedServer
    database: str = "neaptide"

    @property
    def urls(self) -> tuple[str, str]:
        return self.primary.url(self.database), self.standby.url(self.database)

    def caught_up(self) -> None:
        servers.caught_up(self.urls[1], self.urls[0])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The standby receives, but shows nothing new."""
        ask(self.urls[1], "SELECT pg_wal_replay_pause()::text")
        servers.until(
            lambda: ask(self.urls[1], "SELECT pg_get_wal_replay_pause_state()") == "paused", "the replay is paused"
        )
        try:
            yield
        finally:
            ask(self.urls[1], "SELECT pg_wal_replay_resume()::text")


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Pair]:
    """A pair of its own, gone at the end; `settings` are the standby's."""
    with (
        cluster.open_folder() as folder,
        servers.primary(folder / "primary") as first,
        servers.standby(first, folder / "standby", settings) as second,
    ):
        yield Pair(first, second)


@contextmanager
def database(of: Pair) -> Iterator[Pair]:
    """The pair with a new database."""
    found = Pair(of.primary, of.standby, f"t_{uuid4().hex}")
    _in_primary(found, f"CREATE DATABASE {found.database}")
    yield found
    _in_primary(found, f"DROP DATABASE {found.database} WITH (FORCE)")


def _in_primary(pair: Pair, statement: str) -> None:
    with psycopg.connect(pair.primary.url("postgres"), autocommit=True) as conn:
        conn.execute(statement.encode())
