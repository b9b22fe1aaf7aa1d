"""How time and memory grow with the rows of a table, and with how many of them changed."""

from __future__ import annotations

import statistics
from typing import Any

from tests.bench import child, source, target
from tests.bench.bench import Bench

GROUP = "growth"
ROWS = (100_000, 1_000_000, 10_000_000)
BIG = 50_000_000
CHANGED = (0, 100, 10_000)


def measure(bench: Bench) -> None:
    """One first load for each size, then runs with each number of changed rows."""
    sizes = (10_000, 100_000, 1_000_000) if bench.quick else ROWS + ((BIG,) if bench.big else ())
    bench.report.about["growth"] = [cell for rows in sizes for cell in _size(bench, rows)]


def _size(bench: Bench, rows: int) -> list[dict[str, Any]]:
    url, path = bench.facts_of(rows), bench.target("growth")
    first = child.call("load", url=url, path=path, tables=[source.FACTS])
    bench.report.add(GROUP, f"first load of {rows:,} rows", "s", [first["seconds"]], f"peak {first['peak']:.0f} MB")
    found = [{"rows": rows, "changed": "all", "seconds": first["seconds"], "peak": first["peak"]}]
    found += [_cell(bench, url, path, rows, changed) for changed in CHANGED]
    target.forget(path)
    bench.drop(url)
    return found


def _cell(bench: Bench, url: str, path: str, rows: int, changed: int) -> dict[str, Any]:
    changes = [(source.FACTS, changed, rows)] if changed else []
    times = bench.repeats if changed else bench.repeats * 4
    done = child.call("runs", url=url, path=path, tables=[source.FACTS], times=times, changes=changes)
    name = f"{changed:,} of {rows:,} rows changed"
    bench.report.add(GROUP, name, "s", done["seconds"], f"peak {done['peak']:.0f} MB")
    median = statistics.median(done["seconds"])
    return {"rows": rows, "changed": changed, "seconds": median, "peak": done["peak"]}
