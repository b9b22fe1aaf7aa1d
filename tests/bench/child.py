"""Work that is measured in a process of its own: its memory is its own, and nothing is warm that should not be.

`python -m tests.bench.child` reads one JSON object {"action": …, …} from stdin and writes one to stdout.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from app import cli
from tests.bench import machine, paired, source, target


def call(action: str, *, timeout: float = 3600, **given: Any) -> dict[str, Any]:
    """Run an action in a new process; what it returns, with its peak memory in MB as `peak`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.child"], cwd=machine.ROOT, timeout=timeout, text=True,
        input=json.dumps({"action": action, **given}, default=str), capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{action} failed:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def track(url: str, tables: Sequence[str]) -> dict[str, Any]:
    """Install what the sync needs on the source."""
    from jobs.tracking import install as tracking

    tracking.track(target.job(url, "unused.duckdb", tables), [])
    return {}


def load(
    url: str, path: str, tables: Sequence[str], connections: int = 4, progress: bool = True, models: bool = False,
    lake: str = "",
) -> dict[str, Any]:  # fmt: skip
    """A first load with everything it does: connect, snapshot, types, progress bar, checkpoint, fsync, swap."""
    from jobs import results
    from jobs.run import sync
    from jobs.targets import targets

    wanted = target.job(url, path, tables, connections=connections, models=models, lake=lake)
    target.forget(path)
    began, used = time.monotonic(), time.process_time()
    run = sync.sync_once(wanted, progress=_bars() if progress else results.Silent())
    seconds, used = time.monotonic() - began, time.process_time() - used
    rows, size = sum(table.rows_in for table in run.tables), targets.of(wanted).size()
    return {"seconds": seconds, "processor": used, "phases": run.phases, "rows": rows, "bytes": size}


def table_as(url: str, path: str, tables: Sequence[str], threads: int | None = None) -> dict[str, Any]:
    """DuckDB's own CREATE TABLE AS from the attached database, until the file is checkpointed and closed."""
    import duckdb

    from jobs.engine.bridge import extension

    target.forget(path)
    began, used = time.monotonic(), time.process_time()
    with closing(duckdb.connect(path, config={"threads": threads} if threads else {})) as file:
        file.execute("SET preserve_insertion_order = false")
        found = extension()
        file.execute(f"LOAD '{found}'" if found else "LOAD postgres")
        file.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
        for name in tables:
            file.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
            file.execute(f"CREATE TABLE {name} AS SELECT * FROM pg.{name}")
        file.execute("CHECKPOINT")
    seconds, used = time.monotonic() - began, time.process_time() - used
    return {"seconds": seconds, "processor": used, "bytes": Path(path).stat().st_size}


def steps(url: str, path: str, table: str) -> dict[str, Any]:
    """One session reads a table in ever longer ways: decoded and counted, put in memory, put in a file."""
    import duckdb

    from jobs.engine.bridge import extension

    target.forget(path)
    spent = {}
    with closing(duckdb.connect(path)) as file:
        found = extension()
        file.execute(f"LOAD '{found}'" if found else "LOAD postgres")
        file.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
        file.execute("ATTACH ':memory:' AS memory_only")
        rows = f"SELECT * FROM postgres_query('pg', 'SELECT * FROM {table}')"
        ways = {
            "decoded by DuckDB": f"SELECT max(COLUMNS(*)) FROM ({rows})",
            "in a table in memory": f"CREATE TABLE memory_only.t AS {rows}",
            "in a file": f"CREATE TABLE t AS {rows}; CHECKPOINT",
        }
        for name, statement in ways.items():
            began = time.monotonic()
            file.execute(statement).fetchall()
            spent[name] = time.monotonic() - began
    return {"steps": spent}


def runs(
    url: str, path: str, tables: Sequence[str], times: int, changes: Sequence[Sequence[Any]] = (), warm: int = 3,
    kept: bool = True, beside: bool = False, lake: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Runs one after the other in a process that keeps its sessions, as the daemon does; `changes` before each.

    A change is (table, rows to change, rows of the table). The first `warm` runs are not counted: there are two files,
    and the first run onto each finds it in another state than all later ones do. With `beside` the bare limit of the
    first change is measured after each run, as `limits`: seconds of PostgreSQL's COPY and of DuckDB's part.
    """
    from jobs.run import sync
    from jobs.sessions import OpenSessions

    keep = OpenSessions() if kept else None
    wanted = target.job(url, path, tables, keep=keep, lake=lake)
    sync.sync_once(wanted)
    seconds, processor, phases, limits, sizes, written = [], [], [], [], [], 0
    bare = _limit(url, path, changes) if beside else None
    try:
        for turn in range(times + warm):
            for name, count, rows in changes:
                source.change(url, count, rows, turn, name)
            before = _stamps(path)
            began, used = time.monotonic(), time.process_time()
            run = sync.sync_once(wanted)
            spent, used = time.monotonic() - began, time.process_time() - used
            if run.changed != bool(changes):
                raise RuntimeError(f"a run {'found nothing' if changes else 'wrote'}: {run}")
            limit = bare.turn(turn) if bare else (0.0, 0.0)
            if turn >= warm:
                limits.append(limit)
                seconds.append(spent)
                processor.append(used)
                phases.append(run.phases)
                sizes.append(_files(path) if lake else ())
                written += _stamps(path) != before
    finally:
        if keep is not None:
            keep.close()
        if bare:
            bare.close()
    return {
        "seconds": seconds, "processor": processor, "phases": phases, "written": written, "limits": limits,
        "sizes": sizes,
    }  # fmt: skip


def reads(url: str, path: str, lake: str, table: str, seconds: float) -> dict[str, Any]:
    """A lake opened for so long again and again, and a sum over all rows of a table."""
    from app.reporting import opening

    wanted, until = target.job(url, path, [], lake=lake), time.monotonic() + seconds
    opened, summed = [], []
    while time.monotonic() < until:
        began = time.monotonic()
        with opening.open(Path(path), lake=wanted.settings.lake) as store:
            opened.append(time.monotonic() - began)
            began = time.monotonic()
            store.query(f"SELECT sum(quantity), max(amount) FROM {table}")
            summed.append(time.monotonic() - began)
    return {"opened": opened, "summed": summed}


def _files(path: str) -> tuple[int, int]:
    """How many files a lake has beside its path, and their bytes."""
    sizes = [found.stat().st_size for found in Path(path).with_suffix(".data").rglob("*.parquet")]
    return len(sizes), sum(sizes)


def _limit(url: str, path: str, changes: Sequence[Sequence[Any]]) -> Any:
    """The bare limit of the first of these changes, on copies of the published file."""
    from jobs.engine.bridge import extension
    from tests.bench.limit import Limit

    table, count, rows = changes[0]
    return Limit(url, Path(path), extension(), (table, count, rows))


def _bars() -> Any:
    """The progress bars of the command line, drawn as on a terminal."""
    from app.face import bars

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    return bars.for_stream(Terminal(), quiet=False)


def _stamps(path: str) -> list[tuple[str, int]]:
    """The DuckDB files beside the target, and when each was last written."""
    link = Path(path)
    return sorted((found.name, found.stat().st_mtime_ns) for found in link.parent.glob(f"{link.stem}*.duckdb"))


ACTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "track": track,
    "load": load,
    "pairs": paired.pairs,
    "table_as": table_as,
    "steps": steps,
    "runs": runs,
    "reads": reads,
    "versus": paired.versus,
    "ranges": paired.ranges,
}


def main() -> None:
    """Do what stdin says, in a process set up as one of the command."""
    cli.prepare()
    given = json.loads(sys.stdin.read())
    found = ACTIONS[given.pop("action")](**given)
    print(json.dumps({**found, "peak": machine.peak_memory()}))


if __name__ == "__main__":
    main()
