"""4. Runs with few changed rows in a large table, publish included; 5. many tables of which few changed."""

from __future__ import annotations

from tests.bench import child, source
from tests.bench.bench import Bench, interleaved
from tests.bench.figures import median_phases, pair_ratio

GROUP, TABLES = "small runs", "many tables"
# Changed rows, and how many times its bare limit such a run may take: a ratio, since the same work takes twice as long
# on another machine of the same kind.
LIMITS = {100: 2.5, 10_000: 2.0, 100_000: 1.8}
_MANY, _FEW = 200, 3
_ROWS = 2000


def measure(bench: Bench) -> None:
    """Changed rows are spread evenly over the table, others each time: the worst case for row groups."""
    url, path, report = bench.facts(), bench.target("small"), bench.report
    for count, limit in LIMITS.items():
        if count > bench.rows // 10:
            continue
        changes = [(source.FACTS, count, bench.rows)]
        done = child.call(
            "runs", url=url, path=path, tables=[source.FACTS], times=bench.repeats + 2, changes=changes, beside=True
        )
        figure = report.add(GROUP, f"{count:,} of {bench.rows:,} rows changed", "s", done["seconds"])
        report.add(GROUP, "its processor time, Neaptide's side", "s", done["processor"])
        report.phases[f"{count:,} changed rows"] = median_phases(done["phases"])
        read, alone = ([one[place] for one in done["limits"]] for place in range(2))
        report.add(GROUP, "the bare limit: these rows by one COPY", "s", read)
        report.add(GROUP, "the bare limit: DuckDB alone, the rows of two runs", "s", alone)
        whole = [one + other for one, other in zip(read, alone, strict=True)]
        ratios = report.add(GROUP, "a run / its bare limit, pair by pair", "x", pair_ratio(figure.values, whole))
        report.hold(
            GROUP, f"a run with {count:,} changed rows of {bench.rows:,} / its bare limit", ratios.median, limit
        )
        report.add(GROUP, f"peak memory with {count:,} changed rows", "MB", [done["peak"]])
        source.settle(url, source.FACTS)


def measure_tables(bench: Bench) -> None:
    """The same three tables change, among 200 and alone."""
    url, report = bench.cluster.create_database(), bench.report
    names = [f"bench.table_{place:03}" for place in range(_MANY)]
    for name in names:
        source.make_facts(url, _ROWS, name=name)
    child.call("track", url=url, tables=names)
    changes = [(name, 10, _ROWS) for name in names[:_FEW]]
    works = [
        lambda: child.call("runs", url=url, path=bench.target("many_tables"), tables=names, times=3, changes=changes),
        lambda: child.call(
            "runs", url=url, path=bench.target("few_tables"), tables=names[:_FEW], times=3, changes=changes
        ),
    ]
    many, few = interleaved(works, max(2, bench.repeats // 2))
    all_many, all_few = _joined(many), _joined(few)
    report.add(TABLES, f"{_MANY} tables of which {_FEW} changed", "s", all_many)
    report.add(TABLES, f"{_FEW} tables, all changed", "s", all_few)
    report.phases[f"{_MANY} tables"] = median_phases([phases for one in many for phases in one["phases"]])
    ratios = report.add(TABLES, f"{_MANY} tables / {_FEW} tables, pair by pair", "x", pair_ratio(all_many, all_few))
    report.hold(TABLES, f"{_MANY} tables of which {_FEW} changed / {_FEW} tables", ratios.median, 3)
    bench.drop(url)


def _joined(found: list[dict[str, list[float]]]) -> list[float]:
    return [value for one in found for value in one["seconds"]]
