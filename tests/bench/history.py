"""8. Runs on a file that keeps the history of a large table, against the same runs without."""

from __future__ import annotations

from tests.bench import child, source
from tests.bench.bench import Bench
from tests.bench.figures import median_phases, pair_ratio

GROUP = "history"
_CHANGED, _LIMIT = 10_000, 1.5


def measure(bench: Bench) -> None:
    """Each by a process that keeps its sessions, one after the other, since both change the same table."""
    url, report, count = bench.facts(), bench.report, min(_CHANGED, bench.rows // 10)
    found = {}
    for history in (False, True):
        done = child.call(
            "runs", url=url, path=bench.target(f"history_{history}"), tables=[source.FACTS], times=bench.repeats + 2,
            changes=[(source.FACTS, count, bench.rows)], history=history,
        )  # fmt: skip
        what = "with its history" if history else "without"
        found[history] = report.add(GROUP, f"{count:,} of {bench.rows:,} rows changed, {what}", "s", done["seconds"])
        report.phases[f"{count:,} changed rows, {what}"] = median_phases(done["phases"])
        source.settle(url, source.FACTS)
    ratio = report.add(GROUP, "with / without", "x", pair_ratio(found[True].values, found[False].values))
    report.hold(GROUP, f"{count:,} of {bench.rows:,} rows: with a history / without", ratio.median, _LIMIT)
