"""1. The first load, beside DuckDB's own CREATE TABLE AS and PostgreSQL's own COPY; several tables at once."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from tests.bench import child, source, target
from tests.bench.bench import Bench, interleaved, seconds
from tests.bench.figures import median_phases, pair_ratio

GROUP, STEPS = "first load", "one session's way"
_PARTS = 4


def measure(bench: Bench) -> None:
    """All of it."""
    _one_table(bench)
    _steps(bench)
    _several_tables(bench)


def _one_table(bench: Bench) -> None:
    url, report = bench.facts(), bench.report
    ours, theirs, copied, alone = interleaved(
        [
            lambda: child.call("load", url=url, path=bench.target("load"), tables=[source.FACTS]),
            lambda: child.call("table_as", url=url, path=bench.target("ctas"), tables=[source.FACTS], threads=cores()),
            lambda: copy_out(bench, url),
            lambda: child.call("load", url=url, path=bench.target("one"), tables=[source.FACTS], connections=2),
        ],
        bench.repeats,
    )
    note = f"{bench.rows:,} rows, {source.size(url, source.FACTS):.0f} MB in PostgreSQL"
    report.add(GROUP, "Neaptide", "s", seconds(ours), note)
    report.add(GROUP, "Neaptide, one copying session", "s", seconds(alone))
    report.add(GROUP, "DuckDB: CREATE TABLE AS from the attached table", "s", seconds(theirs))
    report.add(GROUP, "PostgreSQL: COPY TO STDOUT (FORMAT binary)", "s", seconds(copied))
    report.add(GROUP, "Neaptide's file", "MB", [one["bytes"] / 2**20 for one in ours])
    for name, found in (("Neaptide", ours), ("CREATE TABLE AS", theirs)):
        report.add(GROUP, f"processor time of the copying process: {name}", "s", [one["processor"] for one in found])
    report.phases["first load"] = median_phases([one["phases"] for one in ours])
    ratios = report.add(
        GROUP, "Neaptide / CREATE TABLE AS, pair by pair", "x", pair_ratio(seconds(ours), seconds(theirs))
    )
    report.add(GROUP, "Neaptide / COPY, pair by pair", "x", pair_ratio(seconds(ours), seconds(copied)))
    report.add(GROUP, "one session / all, pair by pair", "x", pair_ratio(seconds(alone), seconds(ours)))
    report.hold(GROUP, "first load / DuckDB's own CREATE TABLE AS, the same threads", ratios.median, 1.15)
    report.hold("memory", f"peak MB of a first load of {bench.rows:,} rows", max(one["peak"] for one in ours), 600)


def _steps(bench: Bench) -> None:
    """What each part of the way adds, with one session: PostgreSQL's COPY, DuckDB's decoding, its memory, its file."""
    url = bench.facts()
    works = [
        lambda: copy_out(bench, url)["seconds"],
        lambda: child.call("steps", url=url, path=bench.target("steps"), table=source.FACTS)["steps"],
    ]
    copied, found = interleaved(works, max(2, bench.repeats // 2))
    bench.report.add(STEPS, "copied out by PostgreSQL and thrown away", "s", copied)
    for name in found[0]:
        bench.report.add(STEPS, name, "s", [one[name] for one in found])


def _several_tables(bench: Bench) -> None:
    """The same rows in four tables, in one run."""
    url, report = bench.facts(), bench.report
    split = bench.cluster.create_database()
    names = [f"bench.part_{place}" for place in range(_PARTS)]
    share = bench.rows // _PARTS
    for place, name in enumerate(names):
        source.make_facts(split, share, name=name, first=1 + place * share)
    child.call("track", url=split, tables=names)
    many, one = interleaved(
        [
            lambda: child.call("load", url=split, path=bench.target("many"), tables=names),
            lambda: child.call("load", url=url, path=bench.target("load"), tables=[source.FACTS]),
        ],
        max(2, bench.repeats // 2),
    )
    report.add(GROUP, f"the same rows in {_PARTS} tables", "s", seconds(many))
    ratios = report.add(
        GROUP, f"{_PARTS} tables / one table, pair by pair", "x", pair_ratio(seconds(many), seconds(one))
    )
    report.hold(GROUP, f"{_PARTS} tables at once / one table of as many rows", ratios.median, 1.15)
    bench.drop(split)


def copy_out(bench: Bench, url: str, name: str = source.FACTS) -> dict[str, Any]:
    """One connection's COPY, thrown away: what PostgreSQL itself needs to give the rows."""
    command = f"\\copy {name} TO '/dev/null' (FORMAT binary)"
    began = time.monotonic()
    subprocess.run([bench.cluster.bin("psql"), "-X", "-q", "-d", url, "-c", command], check=True)
    return {"seconds": time.monotonic() - began}


def cores() -> int:
    """As many threads as Neaptide has copying sessions by default on this machine."""
    return int(target.job("postgresql://x@localhost/x", "x.duckdb", []).load_workers)
