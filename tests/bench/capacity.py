"""A lake grown on paper: what a day of it would take, worked out from what was measured here.

`python -m tests.bench.capacity var/bench.json` reads what `make bench OPTIONS="--only lake"` measured, and prints a
table. What it takes for granted: work grows with bytes, rows and tables as it does from nothing to what was measured.
No more than that: nobody has run a lake of this size.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import lake

# DuckLake's own: how large a file gets where many are put together.
_FILE = 512e6
# S3's list prices in us-east-1, in dollars: a gigabyte for a month, and a thousand requests that write or read.
_GB_MONTH, _WRITES, _READS = 0.023, 0.005, 0.0004
_RUNS_A_DAY = 24 * 60
_FILES_A_RUN = 5
"""Of one changed table: its rows, its deletes, and three tables of Neaptide's own records."""


@dataclass(frozen=True)
class Measured:
    """What the benchmark found on one machine; seconds and bytes."""

    load: float
    source: float
    files: float
    quiet: float
    quiet_of_tables: float
    three_changed: float
    summed: float
    opens_a_second: float

    @classmethod
    def read(cls, report: dict[str, Any]) -> Measured:
        """From the benchmark's JSON."""
        figures = [one for one in report["figures"] if one["group"] == lake.GROUP]
        found = {one["name"]: statistics.median(one["values"]) for one in figures}
        return cls(
            load=found["first load"],
            source=found["the table in PostgreSQL"] * 2**20,
            files=found["its files"] * 2**20,
            quiet=found["nothing to do"],
            quiet_of_tables=found[f"nothing to do in {lake.MANY} tables"],
            three_changed=found[f"3 of {lake.MANY} tables"],
            summed=found["a sum over all rows"],
            opens_a_second=found[f"openings and sums a second by {lake.READERS} readers"],
        )


@dataclass(frozen=True)
class Size:
    """What is asked about: bytes in PostgreSQL, tables, tables that change in a minute, readers who look once in so
    many seconds.
    """

    source: float = 10e12
    tables: int = 1000
    changing: int = 50
    readers: int = 100
    look_every: float = 60.0


def grown(one: Measured, size: Size) -> Iterator[tuple[str, str]]:
    """What each thing comes to."""
    times = size.source / one.source
    files = one.files * times
    yield "bytes in the lake", f"{files / 1e12:.1f} TB"
    yield "files, once they were put together", f"{max(files / _FILE, size.tables):,.0f}"
    yield "first load, in one snapshot of the source", f"{one.load * times / 3600:.0f} hours"
    yield "room to stage it on the machine that syncs", f"{files / 1e12:.1f} TB"
    yield from _runs(one, size, times)
    yield f"a sum over a tenth of all rows ({size.source / 1e13:g} TB)", f"{one.summed * times / 600:.0f} minutes"
    asked = size.readers / size.look_every
    yield f"openings that {size.readers} readers ask of the catalog", f"{asked:.1f} a second"
    yield f"openings that {lake.READERS} readers got on this machine", f"{one.opens_a_second:.0f} a second"
    made = _RUNS_A_DAY * (2 * size.changing + _FILES_A_RUN)
    yield "files that a run a minute makes in a day", f"{made:,.0f}"
    kept, written = files / 1e9 * _GB_MONTH, 30 * made / 1000 * _WRITES
    read = 30 * 86400 * asked * files / _FILE / size.tables / 1000 * _READS
    yield "S3's list price a month: kept, written, read", f"{kept:,.0f} $, {written:,.0f} $, {read:,.0f} $"


def _runs(one: Measured, size: Size, times: float) -> Iterator[tuple[str, str]]:
    """A run asks after every table, has a share for each that changed, and reads all keys of those, without an index.

    To read two columns is taken to be as much as to read the keys.
    """
    quiet = one.quiet + max(0.0, one.quiet_of_tables - one.quiet) / (lake.MANY - 1) * (size.tables - 1)
    yield "a run that finds nothing", f"{quiet:.2f} s"
    share = max(0.0, one.three_changed - one.quiet_of_tables) / 3
    yield f"of a run its share for {size.changing} changed tables", f"{share * size.changing:.1f} s"
    keys = one.summed * times * size.changing / size.tables
    yield (
        f"to find {lake.CHANGED:,} keys in these ({size.changing / size.tables:.0%} of all rows)",
        f"{keys / 60:.1f} minutes",
    )


def main() -> None:
    """Print it as a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capacity", description=__doc__)
    parser.add_argument("json", type=Path)
    parser.add_argument("--terabytes", type=float, default=10)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--readers", type=int, default=100)
    given = parser.parse_args()
    size = Size(source=given.terabytes * 1e12, tables=given.tables, readers=given.readers)
    measured = Measured.read(json.loads(given.json.read_text(encoding="utf-8")))
    print(f"| {given.terabytes:g} TB in PostgreSQL, {size.tables:,} tables, {size.readers} readers | |\n| --- | --- |")
    for name, value in grown(measured, size):
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
