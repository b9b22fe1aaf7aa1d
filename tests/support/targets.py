"""Where labs keep their copy: in a file, or in a lake whose catalog is a database of the same server.

A test with the mark `each_target` runs with both: on a file in `make test`, on a lake in `make test-long`. In a module
that has the mark, a test is left to files by the mark `of_files`, which says why.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app.lakes import Lake
from jobs.job import Job
from tests.support import feeds, strangers
from tests.support.cluster import Cluster

FILE, LAKE = "file", "lake"


class Targets:
    """The lakes of one test, by the folder of their labs."""

    def __init__(self) -> None:
        self._server: Cluster | None = None
        self._catalogs: dict[Path, str] = {}

    def begin(self, server: Cluster) -> None:
        """Every lab from here on is on a lake."""
        self._server = server

    def end(self) -> None:
        """Files again; the catalogs are dropped."""
        for catalog in self._catalogs.values():
            assert self._server is not None
            self._server.drop_database(catalog)
        self._server, self._catalogs = None, {}

    def settings(self, folder: Path) -> dict[str, Any]:
        """What [target] says more of a lab in this folder."""
        if self._server is None:
            return {}
        if folder not in self._catalogs:
            self._catalogs[folder] = self._server.create_database()
        return {"url": f"ducklake:postgres:{self._catalogs[folder]}", "data": str(folder / "the data")}


chosen = Targets()


def attached(lake: Lake, snapshot: int | None = None) -> duckdb.DuckDBPyConnection:
    """A plain session of DuckDB with the lake as `reporting`."""
    connection = duckdb.connect(":memory:", config={"allow_unsigned_extensions": True})
    for statement in (*lake.loads(), *lake.attaches("reporting", snapshot=snapshot)):
        connection.execute(statement)
    connection.execute("USE reporting")
    return connection


def published(folder: Path) -> duckdb.DuckDBPyConnection:
    """A session that reads what the lab of this folder has published."""
    if place := chosen.settings(folder):
        return attached(Lake(place["url"], place["data"]))
    return duckdb.connect(str(folder / "reporting.duckdb"), read_only=True)


def writing(job: Job) -> duckdb.DuckDBPyConnection:
    """A session that writes to what is published, past every run."""
    if lake := job.settings.lake:
        return attached(lake)
    return duckdb.connect(str(job.files.link.resolve()))


def altered(job: Job, statement: str) -> None:
    """Have something in what is published that no run has put there, as if one had."""
    if lake := job.settings.lake:
        with attached(lake) as connection:
            connection.execute(statement)
        return
    strangers.altered_as_ours(job.files, lambda file: file.execute(statement))


def spread(metafunc: pytest.Metafunc) -> None:
    """Have the test run once with each target, if it is one of those; its name on a file is that of elsewhere.

    A soak's labs go to processes of their own, which know of no lake. One that is `of_files` says why it is. What runs
    with each feed does so on files, and on a lake with the first.
    """
    marks = metafunc.definition.get_closest_marker
    if marks("each_target") and not marks("soak") and not marks("of_files"):
        lake = pytest.param(LAKE, marks=pytest.mark.long)
        if feeds.has_each(metafunc):
            both = [pytest.param(one.values[0], FILE, id=one.id, marks=one.marks) for one in feeds.params()]
            both.append(pytest.param(feeds.FIRST, LAKE, id=LAKE, marks=pytest.mark.long))
            metafunc.parametrize(("feed", "target_kind"), both, indirect=True)
        else:
            metafunc.parametrize("target_kind", [pytest.param(FILE, id=pytest.HIDDEN_PARAM), lake], indirect=True)
    elif feeds.has_each(metafunc):
        metafunc.parametrize("feed", feeds.params(), indirect=True)


def thinned(items: list[pytest.Item]) -> list[pytest.Item]:
    """Without a lake's cases of a test beyond the first ones that `each_target(cases=n)` asks for."""
    seen: Counter[str] = Counter()
    left = []
    for item in items:
        mark = item.get_closest_marker("each_target")
        if mark and _is_on_lake(item):
            test = item.nodeid.partition("[")[0]
            seen[test] += 1
            if seen[test] > mark.kwargs.get("cases", seen[test]):
                continue
        left.append(item)
    return left


def _is_on_lake(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and item.callspec.params.get("target_kind") == LAKE
    )
