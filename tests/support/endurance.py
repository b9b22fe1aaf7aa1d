"""Many runs in one process: what must stay flat, and the figures of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.run import sync
from jobs.sessions import OpenSessions
from tests.support import modellab
from tests.support.syncing import Lab

ROWS = 20_000
TABLE = """
CREATE TABLE public.item (
    id bigint PRIMARY KEY, name text, n integer, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
# One of each kind, and two on others.
MODELS = {
    "copied": ("SELECT id, name, n FROM public.item", "id"),
    "parts": ("SELECT id % 1000 AS part, max(n) AS most FROM public.item GROUP BY part", ""),
    "changed": ("SELECT n, count(*) AS items, CAST(sum(id) AS BIGINT) AS ids FROM public.item GROUP BY n", ""),
    "ranked": ("SELECT n, rank() OVER (ORDER BY items) AS place FROM models.changed", ""),
    "worn": ("SELECT part, most FROM models.parts WHERE most > 1", "part"),
}


@dataclass(frozen=True)
class Reading:
    """One look at the process: memory in MB, descriptors, threads, sessions on the server, bytes of each file."""

    runs: int
    memory: int
    descriptors: int
    threads: int
    sessions: int
    sizes: tuple[int, ...]


def endure(
    lab: Lab, runs: int, tell: Callable[[Reading], None] = lambda _: None, *, rows: int = ROWS, models: bool = False
) -> list[Reading]:
    """Insert, update and delete between `runs` runs with kept sessions; twenty readings, and equality at the end.

    With `models` the file holds those above, too.
    """
    lab.run(TABLE, f"INSERT INTO public.item SELECT g, md5(g::text), 0 FROM generate_series(1, {rows}) AS g")
    for name, (select, key) in MODELS.items() if models else ():
        modellab.write(lab, name, select, key)
    lab.track()
    keep, found = OpenSessions(), []
    job = replace(lab.job, sessions=keep)
    sync.sync_once(job)
    dice = random.Random(5)
    with lab.connect() as conn:
        for run in range(1, runs + 1):
            low = dice.randrange(rows)
            conn.execute("DELETE FROM public.item WHERE id BETWEEN %s AND %s", [low, low + 20])
            conn.execute(
                "INSERT INTO public.item SELECT g, md5(g::text), 0 FROM generate_series(%s::int, %s::int) AS g"
                " ON CONFLICT (id) DO UPDATE SET n = item.n + 1",
                [low, low + 40],
            )
            sync.sync_once(job)
            if run % max(1, runs // 20) == 0:
                found.append(read(lab, run))
                tell(found[-1])
    keep.close()
    lab.assert_equal()
    if models:
        modellab.check(lab)
    return found


def read(lab: Lab, runs: int) -> Reading:
    """The process and the files as they are."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = int(status.split("VmRSS:")[1].split()[0]) // 1024
    with lab.connect() as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    sizes = tuple(path.stat().st_size for path in lab.both)
    descriptors, threads = (sum(1 for _ in Path(f"/proc/self/{what}").iterdir()) for what in ("fd", "task"))
    return Reading(runs, memory, descriptors, threads, int(row[0]), sizes)


def assert_flat(found: list[Reading], fresh: int) -> None:
    """Nothing grew from the first quarter to the last; `fresh` is the size of a file that was just loaded."""
    quarter = max(1, len(found) // 4)
    first, last = found[:quarter], found[-quarter:]
    for what, slack in (("memory", 48), ("descriptors", 2), ("threads", 2), ("sessions", 1)):
        before, after = max(getattr(one, what) for one in first), max(getattr(one, what) for one in last)
        assert after <= before + slack, f"{what} grew from {before} to {after}"
    largest = max(size for one in found for size in one.sizes)
    # Three times, and below 16 MB no file is rebuilt.
    assert largest <= max(3 * fresh, 16 * 2**20), f"{largest} bytes, {fresh} when fresh"
