"""7. A lake beside the file: its first load, its runs, its reports, and five hundred runs of it one after the other.

The catalog is another database of the source's server, the data a folder of the same disk.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench import child, reports, shop, source, target
from tests.bench.bench import Bench, interleaved, seconds
from tests.bench.figures import pair_ratio

GROUP = "a lake"
CHANGED, _RUNS, _BLOCK = 10_000, 500, 50
_SMALL = 200_000
MANY, READERS, _READING = 100, 4, 10.0


def measure(bench: Bench) -> None:
    """All of it."""
    _first_load(bench)
    _runs(bench)
    _tables(bench)
    _reports(bench)
    _many_runs(bench)


def _first_load(bench: Bench) -> None:
    url, report = bench.facts(), bench.report
    lakes, files = interleaved(
        [
            lambda: _loaded(bench, url, [source.FACTS]),
            lambda: child.call("load", url=url, path=bench.target("beside"), tables=[source.FACTS]),
        ],
        bench.repeats,
    )
    report.add(GROUP, "first load", "s", seconds(lakes), f"{bench.rows:,} rows")
    report.add(GROUP, "the table in PostgreSQL", "MB", [source.size(url, source.FACTS)])
    report.add(GROUP, "its files", "MB", [one["bytes"] / 2**20 for one in lakes])
    report.add(GROUP, "its peak memory", "MB", [one["peak"] for one in lakes])
    _held(bench, "first load, lake / file", lakes, files, 1.5)


def _loaded(bench: Bench, url: str, tables: list[str]) -> dict[str, Any]:
    """A first load into a new lake."""
    catalog = bench.cluster.create_database()
    found = child.call("load", url=url, path=bench.target("lake"), tables=tables, lake=catalog)
    bench.drop(catalog)
    return found


def _runs(bench: Bench) -> None:
    """In turns: the same changes, other rows each time, so that both have them to do."""
    url, catalog, report = bench.facts(), bench.cluster.create_database(), bench.report
    for count, limit in ((0, 2.0), (CHANGED, 2.0)):
        changes = [(source.FACTS, count, bench.rows)] if count else []
        given = {"url": url, "tables": [source.FACTS], "times": 8 if count else 40, "changes": changes}
        works = [
            lambda given=given: child.call("runs", path=bench.target("lake"), lake=catalog, **given),
            lambda given=given: child.call("runs", path=bench.target("beside"), **given),
        ]
        lakes, files = interleaved(works, max(2, bench.repeats // 2))
        name = f"{count:,} changed rows" if count else "nothing to do"
        report.add(GROUP, name, "s", [value for one in lakes for value in one["seconds"]])
        ratio = pair_ratio(*([statistics.median(one["seconds"]) for one in found] for found in (lakes, files)))
        figure = report.add(GROUP, f"{name}, lake / file", "x", ratio)
        report.hold(GROUP, f"{name}, lake / file", figure.median, limit)
    source.settle(url, source.FACTS)
    _readers(bench, url, catalog)
    bench.drop(catalog)


def _readers(bench: Bench, url: str, catalog: str) -> None:
    """What one pays to open the lake and to read all of a table, and how many can do so at a time on this machine."""
    given = {"url": url, "path": bench.target("lake"), "lake": catalog, "table": source.FACTS}
    alone = child.call("reads", seconds=_READING, **given)
    bench.report.add(GROUP, "a reader opens it", "s", alone["opened"])
    bench.report.add(GROUP, "a sum over all rows", "s", alone["summed"])
    with ThreadPoolExecutor(READERS) as pool:
        many = list(pool.map(lambda _: child.call("reads", seconds=_READING, **given), range(READERS)))
    opened = sum(len(one["opened"]) for one in many) / _READING
    bench.report.add(GROUP, f"openings and sums a second by {READERS} readers", "", [opened])


def _tables(bench: Bench) -> None:
    """What a run with nothing to do pays for each table more."""
    url, catalog = bench.cluster.create_database(), bench.cluster.create_database()
    names = [f"bench.table_{place:03}" for place in range(MANY)]
    for name in names:
        source.make_facts(url, 1000, name=name)
    child.call("track", url=url, tables=names)
    given = {"url": url, "path": bench.target("many_lake"), "tables": names, "times": 5, "lake": catalog}
    bench.report.add(GROUP, f"nothing to do in {MANY} tables", "s", child.call("runs", **given)["seconds"])
    changes = [(name, 10, 1000) for name in names[:3]]
    bench.report.add(GROUP, f"3 of {MANY} tables", "s", child.call("runs", changes=changes, **given)["seconds"])
    bench.drop(catalog)
    bench.drop(url)


def _reports(bench: Bench) -> None:
    """The shop's reports on both, the opening included; the rows must be the same."""
    from app.oltp import migrations

    url, catalog = bench.cluster.create_database(), bench.cluster.create_database()
    migrations.migrate(url)
    shop.fill(url, bench.rows)
    tables = [f"shop.{name}" for name in shop.TABLES]
    child.call("track", url=url, tables=tables)
    path, place = bench.target("shop_file"), bench.target("shop_lake")
    child.call("load", url=url, path=path, tables=tables, models=True)
    child.call("load", url=url, path=place, tables=tables, models=True, lake=catalog)
    ratios = []
    for name in reports.NAMES:
        ours, theirs = on_lake(url, place, catalog, name), reports.on_file(path, name)
        reports.check_equal(name, ours["rows"], theirs["rows"])
        lakes, files = interleaved(
            [lambda name=name: on_lake(url, place, catalog, name), lambda name=name: reports.on_file(path, name)],
            bench.repeats,
        )
        ratios.append(statistics.median(pair_ratio(seconds(lakes), seconds(files))))
        bench.report.add(GROUP, f"{name}, lake / file", "x", pair_ratio(seconds(lakes), seconds(files)))
        asked = [statistics.median(seconds(found)) for found in (lakes, files)]
        bench.report.add(GROUP, f"{name} on the lake, on the file", "s", asked)
    bench.report.hold(GROUP, "reports, lake / file, geometric mean", statistics.geometric_mean(ratios), 2)
    opened = [one["opened"] for one in (on_lake(url, place, catalog, reports.NAMES[0]) for _ in range(bench.repeats))]
    bench.report.add(GROUP, "of which opening the lake", "s", opened)
    bench.drop(catalog)
    bench.drop(url)


def on_lake(url: str, path: str, catalog: str, name: str) -> dict[str, Any]:
    """The report as `neaptide report` runs it, opening the lake included."""
    from app.queries import reports as shipped
    from app.reporting import opening

    lake = target.job(url, path, [], lake=catalog).settings.lake
    began = time.monotonic()
    with opening.open(Path(path), lake=lake) as store:
        opened = time.monotonic() - began
        rows = shipped.run(store, shipped.shop().get(name)).rows
    return {"seconds": time.monotonic() - began, "rows": rows, "opened": opened}


def _many_runs(bench: Bench) -> None:
    """Five hundred runs that change rows, with the upkeep that comes after every fiftieth: is the last as the first?"""
    url, catalog, report = bench.facts_of(_SMALL), bench.cluster.create_database(), bench.report
    times = _RUNS // 10 * (1 if bench.quick else 10)
    done = child.call(
        "runs", url=url, path=bench.target("many_runs"), tables=[source.FACTS], times=times, lake=catalog,
        changes=[(source.FACTS, 1000, _SMALL)],
    )  # fmt: skip
    blocks = [done["seconds"][place : place + _BLOCK] for place in range(0, times, _BLOCK)]
    medians = [statistics.median(block) for block in blocks]
    report.add(GROUP, f"medians of {_BLOCK} runs each, of {times}", "s", medians)
    after = done["sizes"][_BLOCK - 4 :: _BLOCK]
    report.add(GROUP, "files on the disk after each fifty runs", "", [count for count, _ in after])
    report.add(GROUP, "their size", "MB", [size / 2**20 for _, size in after])
    report.hold(GROUP, f"the last {_BLOCK} of {times} runs / the first", medians[-1] / medians[0], 1.2)
    bench.drop(catalog)
    bench.drop(url)


def _held(bench: Bench, text: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], limit: float) -> None:
    figure = bench.report.add(GROUP, text, "x", pair_ratio(seconds(ours), seconds(theirs)))
    bench.report.hold(GROUP, text, figure.median, limit)
