"""Two databases with a table each, one target beside them, and a comparison that shares no code with the sync."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from app import bootstrap, config
from jobs import results
from jobs.daemon.watches import Watches
from jobs.job import Job
from jobs.run import sync
from jobs.sessions import OpenSessions
from jobs.tracking import each
from tests.support import cluster, targets
from tests.support.cli import Cli
from tests.support.daemons import wait_until
from tests.support.syncing import column_names, read, rows

ITEM = (
    "CREATE TABLE item (id bigint PRIMARY KEY, name text, cents bigint NOT NULL DEFAULT 0)",
    "INSERT INTO item SELECT g, 'item ' || g, g FROM generate_series(1, 10) AS g",
)
SPECS: list[dict[str, Any]] = [
    {"name": "public.item", "source": "crm", "rename": "crm.item"},
    {"name": "public.item", "source": "web", "rename": "web.item"},
]


@dataclass
class Sources:
    """The databases by the names of their sources, and what is copied of each."""

    urls: dict[str, str]
    folder: Path
    specs: list[dict[str, Any]] = field(default_factory=lambda: list(SPECS))
    target: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    keep: OpenSessions | None = None

    @property
    def settings(self) -> config.Settings:
        named = [{"name": name, "url": url, "connect_timeout": "2s"} for name, url in self.urls.items() if name]
        default = {"source": {"url": self.urls[""]}} if "" in self.urls else {}
        return config.Settings(
            **default,
            sources=named,
            target=self.place,
            sync={"margin": timedelta(0)},
            tables=self.specs,
            base=self.folder,
            **self.more,
        )

    @property
    def place(self) -> dict[str, Any]:
        """What [target] says: a file, or the lake of a test that runs on one."""
        return {"path": self.file, **targets.chosen.settings(self.folder), **self.target}

    @property
    def file(self) -> Path:
        return self.folder / "reporting.duckdb"

    @property
    def job(self) -> Job:
        return bootstrap.job(self.settings, sessions=self.keep)

    def run(self, source: str, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        with psycopg.connect(self.urls[source], autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement.encode())

    def track(self) -> None:
        """Install what the modes need, at each of them."""
        each.track(self.job, [])

    def sync(self, **given: Any) -> results.Run:
        """One run."""
        return sync.sync_once(self.job, **given)

    def of_source(self, source: str, table: str = "public.item") -> list[tuple[str, ...]]:
        """Every row of a source, as text, sorted."""
        with psycopg.connect(self.urls[source]) as conn:
            names = column_names(conn, table)
            fields = ", ".join(f'"{name}"::text' for name in names)
            return sorted(conn.execute(f"SELECT {fields} FROM {table}".encode()).fetchall(), key=repr)

    def of_file(self, source: str, table: str = "public.item") -> list[tuple[str, ...]]:
        """Every row that the file has of it."""
        with psycopg.connect(self.urls[source]) as conn:
            names = column_names(conn, table)
        if lake := self.settings.lake:
            with targets.attached(lake) as session:
                return rows(session, self.called(source, table), names)
        return read(self.file, self.called(source, table), names)

    def called(self, source: str, table: str = "public.item") -> str:
        """What the table is called in the file."""
        spec = next(one for one in self.specs if one["name"] == table and one.get("source", "") == source)
        return str(spec.get("rename", table))

    def assert_equal(self, *sources: str) -> None:
        """The file has the rows of these sources, or of all."""
        for spec in self.specs:
            source = spec.get("source", "")
            if source in (sources or self.urls):
                assert self.of_file(source, spec["name"]) == self.of_source(source, spec["name"]), spec

    def cli(self) -> Cli:
        """The command line with the same config as a file."""
        sources = "".join(
            f'[[sources]]\nname = "{name}"\nurl = "{url}"\nconnect_timeout = "2s"\n'
            for name, url in self.urls.items()
            if name
        )
        tables = "".join(
            "[[tables]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in spec.items())
            for spec in self.specs
        )
        default = f'[source]\nurl = "{self.urls[""]}"\n' if "" in self.urls else ""
        place = "".join(f"{key} = {json.dumps(str(value))}\n" for key, value in self.place.items())
        text = f'{default}[target]\n{place}[sync]\nmargin = "0s"\n{sources}{tables}'
        (self.folder / "config.toml").write_text(text)
        return Cli(self.folder)


def done(lab: Sources, **given: Any) -> dict[str, tuple[str, int]]:
    """One run: what was done to each table, and how many rows were read for it."""
    return {one.table: (one.action, one.rows_read) for one in lab.sync(**given).tables}


def wakes(lab: Sources) -> None:
    """What is committed to either source asks for a run, in a process that keeps its sessions."""
    lab.keep = OpenSessions()
    lab.sync()
    stopping, woken = threading.Event(), list[int]()
    Watches(lab.job, stopping.wait, lambda: woken.append(1)).start()
    try:
        # Each asks for a run once it looks.
        wait_until(lambda: len(woken) == 2)
        for source in lab.urls:
            before = len(woken)
            lab.run(source, "UPDATE item SET cents = cents + 1 WHERE id = 1")
            wait_until(lambda count=before: len(woken) > count, what=lambda name=source: name)
            lab.sync()
    finally:
        stopping.set()
    lab.assert_equal()


@contextmanager
def two(postgres: cluster.Cluster, folder: Path, **given: Any) -> Iterator[Sources]:
    """Two databases of one server, `crm` and `web`, each with ten rows, tracked."""
    urls = {name: postgres.create_database() for name in ("crm", "web")}
    found = Sources(urls, folder, **given)
    try:
        for name in urls:
            found.run(name, *ITEM)
        found.track()
        yield found
    finally:
        if found.keep is not None:
            found.keep.close()
        for url in urls.values():
            postgres.drop_database(url)
