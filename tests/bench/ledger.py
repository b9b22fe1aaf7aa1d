"""Where a run's time goes: every call that leaves Python is timed and put down under what it is for.

`python -m tests.bench.ledger --rows N --changed N` prints shares in percent; what no call accounts for is Python's own.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from app import cli
from tests.bench import child, source, target

# The first pattern that fits a DuckDB statement says what it is for.
KINDS = (
    (r"^ATTACH.*TYPE postgres", "DuckDB: attach PostgreSQL"),
    (r"^(ATTACH|DETACH)", "DuckDB: open and close files"),
    (r"^LOAD|^SET|^CREATE OR REPLACE SECRET", "DuckDB: set up"),
    (r"^CALL postgres_execute", "DuckDB: join the snapshot"),
    (r"^CREATE TEMP TABLE changed", "gather: changed rows over the wire"),
    (r"^INSERT INTO temp\.gone|^CREATE TEMP TABLE gone", "gather: tombstones over the wire"),
    (r"^INSERT INTO .*postgres_query", "load: COPY over the wire into DuckDB"),
    (r"^DELETE FROM (out|temp)\.\S*(changed|facts|\")", "apply: delete the changed keys"),
    (r"^DELETE FROM", "apply: delete"),
    (r"^INSERT INTO out\.\S+ \(.*temp\.changed", "apply: insert the new versions"),
    (r"^(CREATE TEMP TABLE|DROP TABLE|SELECT count).*(changed|gone)_", "DuckDB: temporary tables"),
    (r"^COMMIT", "commit: DuckDB's log, synced to disk"),
    (r"^CHECKPOINT", "checkpoint"),
    (r"neaptide", "DuckDB: Neaptide's own tables"),
)


class Ledger:
    """Seconds and calls by what they are for. Only the outermost of nested calls counts; one thread only."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: defaultdict[str, int] = defaultdict(int)
        self._inside = False

    def timed(self, call: Callable[..., Any], kind: Callable[..., str]) -> Callable[..., Any]:
        """`call`, put down under `kind` of its arguments."""

        @functools.wraps(call)
        def timing(*args: Any, **given: Any) -> Any:
            if self._inside:
                return call(*args, **given)
            self._inside = True
            began = time.perf_counter()
            try:
                return call(*args, **given)
            finally:
                self._inside = False
                name = kind(*args)
                self.seconds[name] += time.perf_counter() - began
                self.calls[name] += 1

        return timing

    @contextmanager
    def open(self) -> Iterator[Ledger]:
        """Time everything while this is open."""
        import duckdb
        import psycopg

        from jobs.engine import session

        doors: tuple[tuple[Any, str, Callable[..., str]], ...] = (
            (session.DuckSession, "execute", lambda _, text, *more: kind_of(text)),
            (psycopg.Connection, "execute", lambda *_: "PostgreSQL: control queries"),
            (psycopg, "connect", lambda *_: "PostgreSQL: connect"),
            (duckdb, "connect", lambda *_: "DuckDB: start"),
            (os, "fsync", lambda *_: "fsync of the file and its folder"),
        )
        patches = [mock.patch.object(of, name, self.timed(getattr(of, name), kind)) for of, name, kind in doors]
        for patch in patches:
            patch.start()
        try:
            yield self
        finally:
            for patch in patches:
                patch.stop()

    def table(self, whole: float, runs: int) -> str:
        """Shares of the whole, the largest first."""
        rest = whole - sum(self.seconds.values())
        rows = [*self.seconds.items(), ("Python's own", rest)]
        return "\n".join(
            f"  {100 * spent / whole:5.1f} %  {1000 * spent / runs:8.2f} ms  {self.calls[name] / runs:5.1f} x  {name}"
            for name, spent in sorted(rows, key=lambda row: -row[1])
        )


def kind_of(text: str) -> str:
    """What a DuckDB statement is for."""
    plain = " ".join(re.sub(r"--.*", "", text).split())
    return next((name for pattern, name in KINDS if re.search(pattern, plain)), f"DuckDB: {plain[:40]}")


def main() -> None:
    """Profile runs onto a file that is up to date but for the changed rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledger", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changed", type=int, nargs="+", default=[0, 100, 10_000])
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    cli.prepare()
    with source.folder() as folder, source.running(folder / "postgres") as cluster:
        url = cluster.create_database()
        source.make_facts(url, options.rows)
        child.track(url, [source.FACTS])
        for changed in options.changed:
            print(f"{changed:,} of {options.rows:,} rows changed")
            print(profile(url, folder, options.rows, changed, options.times))


def profile(url: str, folder: Path, rows: int, changed: int, times: int) -> str:
    """The table of so many runs in one process that keeps its sessions."""
    from jobs.run import sync
    from jobs.sessions import OpenSessions

    job = target.job(url, str(folder / "profiled.duckdb"), [source.FACTS], keep=OpenSessions())
    whole, ledger = 0.0, Ledger()
    for turn in range(times + 3):
        if changed:
            source.change(url, changed, rows, turn)
        if turn < 3:
            sync.sync_once(job)
            continue
        with ledger.open():
            began = time.perf_counter()
            sync.sync_once(job)
            whole += time.perf_counter() - began
    job.sessions.close()
    return f"  {1000 * whole / times:.1f} ms a run\n{ledger.table(whole, times)}"


if __name__ == "__main__":
    main()
