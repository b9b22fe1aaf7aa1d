"""Two ways of one thing in turns, in the process of `tests.bench.child`, so that whatever else happens meets both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.bench import source, target


def pairs(url: str, paths: Sequence[str], tables: Sequence[str], times: int, count: int, mixed: bool) -> dict[str, Any]:
    """The same changes of the shop into a file with its models and into one without, in turns; processor seconds.

    `idle` are the seconds of runs that then find nothing. The first rounds are not counted, as with `runs`.
    """
    from jobs.run import sync
    from jobs.sessions import OpenSessions
    from tests.bench import shop

    keeps = [OpenSessions(), OpenSessions()]
    wanted = [target.job(url, path, tables, keep=keeps[n], models=n == 0) for n, path in enumerate(paths)]
    used: list[list[float]] = [[], []]
    idle, phases = [], []
    try:
        for one in wanted:
            sync.sync_once(one)
        for turn in range(times + 2):
            shop.write(url, count, turn, mixed=mixed)
            for place in (0, 1) if turn % 2 else (1, 0):
                before = time.process_time()
                run = sync.sync_once(wanted[place])
                spent = time.process_time() - before
                if turn >= 2:
                    used[place].append(spent)
                    phases += [run.phases] if place == 0 else []
            began = time.monotonic()
            sync.sync_once(wanted[0])
            idle.append(time.monotonic() - began)
    finally:
        for keep in keeps:
            keep.close()
    return {"with": used[0], "without": used[1], "idle": idle[2:], "phases": phases}


def versus(url: str, paths: Sequence[str], table: str, times: int, count: int, rows: int) -> dict[str, Any]:
    """The same changed rows into a file with the history of their table and into one without, in turns.

    The first rounds are not counted, as with `runs`.
    """
    from jobs.run import sync
    from jobs.sessions import OpenSessions

    keeps = [OpenSessions(), OpenSessions()]
    wanted = [target.job(url, path, [table], keep=keeps[n], history=n == 0) for n, path in enumerate(paths)]
    seconds, processor, phases = ([[], []] for _ in range(3))  # type: tuple[list[list[Any]], ...]
    try:
        for one in wanted:
            sync.sync_once(one)
        for turn in range(times + 3):
            source.change(url, count, rows, turn, table)
            for place in (0, 1) if turn % 2 else (1, 0):
                began, used = time.monotonic(), time.process_time()
                run = sync.sync_once(wanted[place])
                spent, used = time.monotonic() - began, time.process_time() - used
                if turn >= 3:
                    for values, value in ((seconds, spent), (processor, used), (phases, run.phases)):
                        values[place].append(value)
    finally:
        for keep in keeps:
            keep.close()
    return {"seconds": seconds, "processor": processor, "phases": phases}


def ranges(url: str, path: str, table: str, times: int, rows: int, parts: int) -> dict[str, Any]:
    """Full copies, and one of so many parts of the table read anew, another one in each turn."""
    from jobs.backfill import backfill
    from jobs.run import sync
    from jobs.tables.ranges import Range

    wanted, each = target.job(url, path, [table]), rows // parts
    sync.sync_once(wanted)
    found: dict[str, list[float]] = {"full": [], "alike": [], "differing": [], "after": []}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        found[name].append(time.monotonic() - began)

    for turn in range(times):
        low = (7 * turn + 3) % parts * each
        part = Range(low=str(low + 1), high=str(low + each))
        timed("full", lambda: sync.sync_once(wanted, full=True))
        timed("alike", lambda part=part: backfill.backfill(wanted, table, part))  # type: ignore[misc]
        # After a full copy there is one file, and the next run copies it.
        source.change(url, 100, rows, turn, table)
        sync.sync_once(wanted)
        source.change_untold(url, low, each, each // 100, table)
        timed("differing", lambda part=part: backfill.backfill(wanted, table, part))  # type: ignore[misc]
        source.change(url, 100, rows, turn + times, table)
        timed("after", lambda: sync.sync_once(wanted))
    return found
