"""2. Peak memory, by number of rows, by width, with few huge rows; and how PostgreSQL answers others beside a load."""

from __future__ import annotations

import math
import statistics
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.bench import child, source
from tests.bench.bench import Bench, interleaved
from tests.bench.figures import pair_ratio

GROUP = "memory"
LIMIT = 600.0
_WIDE_COLUMNS = 300
_HUGE_MB = 16
_SECONDS = 12
_PER_SECOND = 200


def measure(bench: Bench) -> None:
    """All of it."""
    _by_rows(bench)
    _wide(bench)
    _huge(bench)
    _beside_others(bench)


def _by_rows(bench: Bench) -> None:
    """A tenth of the rows, all of them, and with --big ten times as many: the peak should not follow."""
    small = bench.facts_of(bench.rows // 10)
    peaks = {bench.rows // 10: _peak(bench, small, source.FACTS), bench.rows: _peak(bench, bench.facts(), source.FACTS)}
    bench.drop(small)
    if bench.big:
        large = bench.facts_of(bench.rows * 10)
        peaks[bench.rows * 10] = _peak(bench, large, source.FACTS)
        bench.drop(large)
    for rows, peak in peaks.items():
        bench.report.add(GROUP, f"first load of {rows:,} rows", "MB", [peak])
    bench.report.hold(GROUP, "peak MB, the largest of them", max(peaks.values()), LIMIT)
    if bench.big:
        # Below some million rows the limit is not reached, so the peak still follows them.
        largest, before = sorted(peaks)[-1], sorted(peaks)[-2]
        bench.report.hold(GROUP, f"peak at {largest:,} rows / at {before:,}", peaks[largest] / peaks[before], 1.25)


def _wide(bench: Bench) -> None:
    """Rows of 300 columns and about 10 KB."""
    rows = 20_000 if bench.quick else 60_000
    url = bench.cluster.create_database()
    columns = ", ".join(f"c{place} text" for place in range(_WIDE_COLUMNS))
    values = ", ".join(f"left(md5(({place} + i)::text), 28)" for place in range(_WIDE_COLUMNS))
    source.execute(
        url,
        f"CREATE TABLE wide (id bigint PRIMARY KEY, {columns})",
        f"INSERT INTO wide SELECT i, {values} FROM generate_series(1, {rows}) AS i",
    )
    _rows_by_bytes(bench, url, "wide", f"{rows:,} rows of {_WIDE_COLUMNS} columns")


def _huge(bench: Bench) -> None:
    """Few rows of 16 MB each, which count by their bytes."""
    rows = 12 if bench.quick else 40
    url = bench.cluster.create_database()
    source.execute(
        url,
        "CREATE TABLE huge (id bigint PRIMARY KEY, body text)",
        "ALTER TABLE huge ALTER body SET STORAGE EXTERNAL",
        f"INSERT INTO huge SELECT i, repeat(md5(i::text), {_HUGE_MB * 2**15}) FROM generate_series(1, {rows}) AS i",
    )
    _rows_by_bytes(bench, url, "huge", f"{rows} rows of {_HUGE_MB} MB")


def _rows_by_bytes(bench: Bench, url: str, name: str, text: str) -> None:
    source.execute(
        url,
        f"ALTER TABLE {name} ADD updated_at timestamptz NOT NULL DEFAULT now()",
        f"VACUUM ANALYZE {name}",
        "CHECKPOINT",
    )
    child.call("track", url=url, tables=[f"public.{name}"])
    try:
        peak = _peak(bench, url, f"public.{name}")
    except RuntimeError as error:
        # Worth knowing, but no reason to measure nothing else.
        print(f"  first load of {text} FAILED: {str(error).strip().splitlines()[-1]}", flush=True)
        peak = math.inf
    bench.report.add(GROUP, f"first load of {text}", "MB", [peak], f"{source.size(url, name):.0f} MB in PostgreSQL")
    bench.report.hold(GROUP, f"peak MB with {text}", peak, LIMIT)
    bench.drop(url)


def _peak(bench: Bench, url: str, name: str) -> float:
    return float(child.call("load", url=url, path=bench.target("memory"), tables=[name])["peak"])


def _beside_others(bench: Bench) -> None:
    """pgbench at a fixed rate, alone and beside first loads that follow each other; medians over all transactions."""
    url = bench.cluster.create_database()
    subprocess.run([bench.cluster.bin("pgbench"), "-i", "-q", "-s", "10", url], check=True, capture_output=True)
    alone, beside = interleaved(
        [lambda: pgbench(bench, url), lambda: _while_loading(bench, url)], max(2, bench.repeats // 2)
    )
    bench.report.add(GROUP, f"pgbench at {_PER_SECOND} tx/s alone, median latency", "s", alone)
    bench.report.add(GROUP, "the same beside a first load", "s", beside)
    ratios = bench.report.add(GROUP, "beside a load / alone, pair by pair", "x", pair_ratio(beside, alone))
    bench.report.hold(GROUP, "pgbench's median latency beside a first load / alone", ratios.median, 2)
    bench.drop(url)


def _while_loading(bench: Bench, url: str) -> float:
    enough = threading.Event()

    def load() -> None:
        while not enough.is_set():
            child.call("load", url=bench.facts(), path=bench.target("beside"), tables=[source.FACTS])

    thread = threading.Thread(target=load)
    thread.start()
    try:
        return pgbench(bench, url)
    finally:
        enough.set()
        thread.join()


def pgbench(bench: Bench, url: str) -> float:
    """The median of a transaction's latency in seconds, waiting for its turn included."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as logs:
        subprocess.run(
            [bench.cluster.bin("pgbench"), "-n", "-c", "2", "-T", str(_SECONDS), "-R", str(_PER_SECOND), "--log",
             "--log-prefix", f"{logs}/log", url],
            check=True, capture_output=True,
        )  # fmt: skip
        lines = [text for file in Path(logs).iterdir() for text in file.read_text(encoding="ascii").splitlines()]
    return statistics.median(int(text.split()[2]) for text in lines) / 1e6
