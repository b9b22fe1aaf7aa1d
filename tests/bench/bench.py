"""What every measurement needs: the server, a database, a folder for targets, how much and how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import child, source
from tests.bench.figures import Report
from tests.support.cluster import Cluster

Work = Callable[[], Any]


@dataclass
class Bench:
    """One run of the benchmark."""

    cluster: Cluster
    folder: Path
    report: Report
    rows: int
    repeats: int
    quick: bool = False
    big: bool = False
    # The database with the table of `rows` rows: made once, by the first measurement that needs it.
    _facts: str = field(default="", repr=False)

    def facts(self) -> str:
        """The URL of a database that holds `bench.facts`, tracked."""
        if not self._facts:
            self._facts = self.facts_of(self.rows)
        return self._facts

    def facts_of(self, rows: int) -> str:
        """The URL of a new database with a `bench.facts` of so many rows, tracked."""
        url = self.cluster.create_database()
        source.make_facts(url, rows)
        child.call("track", url=url, tables=[source.FACTS])
        return url

    def target(self, name: str) -> str:
        """Where a reporting file may go."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return str(place / "reporting.duckdb")

    def drop(self, url: str) -> None:
        """The room on the disk is needed by what comes next."""
        if url == self._facts:
            self._facts = ""
        self.cluster.drop_database(url)


def interleaved(works: Sequence[Work], times: int) -> list[list[Any]]:
    """Each work `times` times, in turns, and every other round backwards: what the machine does meets all alike."""
    found: list[list[Any]] = [[] for _ in works]
    for turn in range(times):
        order = range(len(works)) if turn % 2 == 0 else reversed(range(len(works)))
        for place in order:
            found[place].append(works[place]())
    return found


def seconds(found: Sequence[dict[str, Any]]) -> list[float]:
    """The times of several calls of a child."""
    return [one["seconds"] for one in found]
