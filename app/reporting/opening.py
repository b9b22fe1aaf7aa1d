"""The only door to the reporting file: how it is opened, and brought up to date before where that is asked for.

The published name is a link to one of two files; the sync writes the other one and swaps the link. So opening means:
follow the link, open what it points to, and look again, because the file may have been swapped in between. An open
store keeps its file, and so its one consistent state, however often the sync publishes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from app import errors, execution, statements, versions
from app.execution import Limits, Spill
from app.lakes import Lake
from app.reporting import published
from app.reporting.exposure import Exposure
from app.reporting.store import CONFIG, Store, freshness, lock_down

# Brings the published file up to date with every commit that ended before the call. It may return the source's own
# clock as it stood when it began, which is then what `as_of` is held against: the two clocks may differ.
Refresh = Callable[[], datetime | None]

_SYNC = "run `neaptide sync`"
_REBUILD = "run `neaptide sync --full`: it sets the file aside and builds a new one"
_ATTEMPTS = 40
_PAUSE = 0.05


@contextmanager
def open(  # noqa: A001  reporting.open is the name people look for
    path: Path,
    refresh: Refresh | None = None,
    max_staleness: timedelta | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: Limits | None = None,
    lake: Lake | None = None,
) -> Iterator[Store]:
    """Open the published file; with `max_staleness`, one whose `as_of` is at most that old when this is called.

    An older or absent file is brought up to date by `refresh`, once; `timedelta(0)` always asks for that. Raises
    `errors.TooStale` where the file is too old all the same, `errors.NoReportingFile`, `errors.TargetUnusable` for a
    damaged file, `errors.LockHeld` where a writer holds the file itself. With a `lake`, that is what is opened.
    """
    allowed = limits or Limits()

    def opened() -> Store:
        return _lake_now(lake, allowed) if lake else _open_now(path, allowed)

    store = opened() if max_staleness is None else _open_fresh(opened, refresh, max_staleness, clock())
    try:
        yield store
    finally:
        store.close()


def _lake_now(lake: Lake, limits: Limits) -> Store:
    # It needs PostgreSQL's driver, which a file does not.
    from app.reporting import lakes

    return lakes.opened(lake, limits)


def _open_fresh(opened: Callable[[], Store], refresh: Refresh | None, limit: timedelta, called_at: datetime) -> Store:
    store = _open_if_there(opened) if limit or refresh is None else None
    if store is not None and called_at - store.as_of <= limit:
        return store
    if store is not None:
        store.close()
    if refresh is None:
        raise _too_stale(store, limit, called_at)
    called_at = refresh() or called_at
    store = opened()
    if called_at - store.as_of > limit:
        store.close()
        raise _too_stale(store, limit, called_at)
    return store


def _too_stale(store: Store | None, limit: timedelta, now: datetime) -> errors.NeaptideError:
    if store is None:
        return errors.NoReportingFile(hint=_SYNC)
    age, allowed = (now - store.as_of).total_seconds(), limit.total_seconds()
    return errors.TooStale(f"the reporting file is {age:.3f} s old, more than the {allowed:g} s allowed", hint=_SYNC)


def _open_if_there(opened: Callable[[], Store]) -> Store | None:
    try:
        return opened()
    except errors.NoReportingFile:
        return None


def _open_now(path: Path, limits: Limits) -> Store:
    """Open what the link points to; again, a bounded number of times, while it moves or is locked."""
    for attempt in range(1, _ATTEMPTS + 1):
        file, before = published.resolved(path)
        try:
            store = _store(path, file, limits)
        except duckdb.Error as error:
            if attempt == _ATTEMPTS or not (_is_lock(error) or published.has_moved(path, before)):
                raise _unopened(path, error) from error
            time.sleep(_PAUSE)
            continue
        if attempt == _ATTEMPTS or not published.has_moved(path, before):
            return store
        store.close()
    raise errors.Bug


def _store(path: Path, file: Path, limits: Limits) -> Store:
    _check(path, file)
    # Attached to an instance of its own: DuckDB shares one instance per file name within a process, so a name that
    # means a new file by now would show the old one for as long as anybody here has that open.
    spill = Spill()
    connection = duckdb.connect(":memory:", config=CONFIG)
    worker = execution.Worker(connection)
    try:
        connection.execute(f"ATTACH {_literal(str(file))} AS reporting (READ_ONLY)")
        for statement in (*limits.settings(spill), *lock_down()):
            connection.execute(statement)
        as_of, run_id = worker.run(lambda: freshness(connection), limits)
        session = connection.cursor()
        session.execute(statements.get("queries/session", "in_utc"))
        exposure = Exposure(session)
        return Store(
            connection, session=session, check=exposure.check, listed=exposure.readable, limits=limits, spill=spill,
            run_id=run_id, as_of=max(as_of, published.checked_as_of(path, run_id) or as_of),
        )  # fmt: skip
    except BaseException:
        if not worker.lost:
            connection.close()
        spill.remove()
        raise


def _check(path: Path, file: Path) -> None:
    """Raise DuckDB's error where what would be opened is not what was published: another program wrote to it."""
    try:
        altered = versions.is_altered(path, file)
    except OSError as error:
        raise duckdb.IOException(str(error)) from error
    left = [log for log in versions.named_logs(file) if os.path.lexists(log)]
    if altered or left:
        raise duckdb.IOException(f"another program wrote to it, or has it open for writing ({(left or [file])[0]})")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_lock(error: duckdb.Error) -> bool:
    # DuckDB has no class of its own for this, nor for a file that the same process has open for writing.
    text = str(error)
    return "Could not set lock" in text or "different configuration" in text


def _unopened(path: Path, error: duckdb.Error) -> errors.NeaptideError:
    if _is_lock(error):
        hint = "close the program that opened it for writing; readers open it read-only"
        return errors.LockHeld(f"{path} is held by a writer: {error}", hint=hint)
    return errors.TargetUnusable(f"{path} is no reporting file that can be read: {error}", hint=_REBUILD)
