"""8. Runs on a file that keeps the history of a large table, beside the same runs without; ranges read anew."""

from __future__ import annotations

from tests.bench import child, source
from tests.bench.bench import Bench
from tests.bench.figures import median_phases, pair_ratio

GROUP, RANGES = "history", "backfill"
_CHANGED, _LIMIT = 10_000, 1.5
# What a range may take of a full copy's time, and beside it, in seconds; how many there are to a table.
_SHARE, _BESIDE, _RANGES = 0.03, 0.2, 100


def measure(bench: Bench) -> None:
    """The same changes go into both files, in turns: what the machine does meets both alike."""
    url, report, count = bench.facts(), bench.report, min(_CHANGED, bench.rows // 10)
    paths = [bench.target(f"history_{place}") for place in ("with", "without")]
    done = child.call(
        "versus", url=url, paths=paths, table=source.FACTS, times=bench.repeats + 2, count=count, rows=bench.rows
    )
    for what, unit in (("seconds", "s"), ("processor", "s")):
        both = [
            report.add(GROUP, f"{count:,} of {bench.rows:,} rows changed, {how}, {what}", unit, values)
            for how, values in zip(("with its history", "without"), done[what], strict=True)
        ]
        ratio = report.add(GROUP, f"with / without, {what}", "x", pair_ratio(both[0].values, both[1].values))
        if what == "seconds":
            report.hold(GROUP, f"{count:,} of {bench.rows:,} rows: with a history / without", ratio.median, _LIMIT)
    for place, how in enumerate(("with its history", "without")):
        report.phases[f"{count:,} changed rows, {how}"] = median_phases(done["phases"][place])
    source.settle(url, source.FACTS)
    _measure_ranges(bench)


def _measure_ranges(bench: Bench) -> None:
    """A hundredth of the table read anew, beside full copies."""
    path, report = bench.target("ranges"), bench.report
    found = child.call(
        "ranges", url=bench.facts(), path=path, table=source.FACTS, times=bench.repeats, rows=bench.rows, parts=_RANGES
    )
    full = report.add(RANGES, f"a full copy of {bench.rows:,} rows", "s", found["full"])
    limit, rows = _SHARE * full.median + _BESIDE, f"{bench.rows // _RANGES:,} of them read anew"
    for name, how in (("alike", "none differs"), ("differing", "a hundredth of these differ")):
        part = report.add(RANGES, f"{rows}, {how}", "s", found[name])
        report.hold(RANGES, f"a hundredth of the table read anew, {how}, in seconds", part.median, limit)
    report.add(RANGES, "100 changed rows in the run after it, not in the daemon", "s", found["after"])
