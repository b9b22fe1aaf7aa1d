"""The reporting store on a lake: attached at one snapshot, and locked down like a file."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import psycopg

from app import errors, execution, lakes, notes, redaction, statements
from app.execution import Limits, Spill
from app.lakes import Lake
from app.reporting import answer, store
from app.reporting.exposure import Exposure
from app.reporting.result import distinct

_SYNC = "run `neaptide sync`"
# Its extensions are loaded by their paths, and DuckLake's secrets ask for the storage of persistent ones.
# To check their signatures takes 0.3 s; they come from wheels of the lock file's hashes.
_CONFIG = {name: value for name, value in store.CONFIG.items() if name != "allow_persistent_secrets"} | {
    "allow_unsigned_extensions": True,
    # Until the catalog was read: other threads would spin meanwhile, and take the processor from its server.
    "threads": 1,
}
_ATTEMPTS = 3
_NO_FILE = ("Cannot open file", "HTTP 404")


def opened(lake: Lake, limits: Limits) -> store.Store:
    """The lake at its newest snapshot. Raises `errors.NoReportingFile`, `errors.CatalogUnavailable` and others."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(errors.SnapshotGone):
            return _opened(lake, limits)
        time.sleep(0.05)
    return _opened(lake, limits)


def _opened(lake: Lake, limits: Limits) -> store.Store:
    state = _asked(lake)
    spill, connection = Spill(), duckdb.connect(":memory:", config=_CONFIG)
    worker = execution.Worker(connection)
    try:
        enter, *lock_down = store.lock_down()
        for statement in (*lake.loads(), *lake.attaches("reporting", snapshot=state.snapshot), enter):
            connection.execute(statement)
        lake.check_files()
        connection.execute(statements.get("queries/session", "all_threads"))
        for statement in (lake.encloses(), *limits.settings(spill), *lock_down):
            connection.execute(statement)
        as_of, run_id = state.freshness or worker.run(lambda: store.freshness(connection), limits)
        session = connection.cursor()
        session.execute(statements.get("queries/session", "in_utc"))
        exposure = Exposure(session, state.names)
        return LakeStore(
            connection, session=session, check=exposure.check, listed=exposure.readable, limits=limits, spill=spill,
            run_id=run_id, as_of=max(as_of, _checked_as_of(state.note, run_id) or as_of), lake=lake,
            snapshot=state.snapshot,
        )  # fmt: skip
    except BaseException as error:
        if not worker.lost:
            _close(connection)
        spill.remove()
        if isinstance(error, duckdb.Error):
            raise failure(error) from error
        raise


class LakeStore(store.Store):
    """A store at a snapshot. One that was cleaned away before the first answer is opened anew, once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, lake: Lake, snapshot: int, **given: object) -> None:
        super().__init__(connection, **given)  # type: ignore[arg-type]
        self._lake, self._snapshot = lake, snapshot
        self._answered = False

    def _run(self, work: store.Work[store.Answer]) -> store.Answer:
        try:
            answer = self._worker.run(work, self._limits)
        except duckdb.Error as error:
            if not self._is_gone(error):
                raise self._explained(error) from error
            if self._answered:
                raise errors.SnapshotGone() from error
            self._reopen()
            self._answered = True
            return super()._run(work)
        except store.OF_THE_CLIENT as error:
            raise self._explained(error) from error
        self._answered = True
        return answer

    def tables(self) -> list[tuple[str, str]]:
        """As in `Store`."""
        return self._run(super().tables)

    @property
    def session(self) -> duckdb.DuckDBPyConnection:
        """The session that queries run in."""
        return self._session

    @property
    def snapshot(self) -> int:
        """The snapshot that is read."""
        return self._snapshot

    def described(self, sql: str, params: store.Parameters) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """The names and types of a statement's columns, and its text, once it was judged. Raises what `query` does."""

        def work() -> tuple[tuple[str, ...], tuple[str, ...], str]:
            checked = self._check(sql)
            if checked.plans or checked.lists:
                raise errors.UsageError("only a query can be asked elsewhere", hint="give one SELECT")
            columns = answer.described(self._session, checked.text, params)
            return distinct([str(one[0]) for one in columns]), tuple(str(one[1]) for one in columns), checked.text

        return self._run(work)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of ours, as DuckDB's client has them."""
        return self._run(lambda: self._session.execute(sql).fetchall())

    def reopen(self) -> None:
        """Go on at the newest snapshot."""
        self._reopen()

    def is_gone(self) -> bool:
        """Whether the snapshot was cleaned away."""
        with suppress(errors.NeaptideError, psycopg.Error):
            with psycopg.connect(self._lake.conninfo) as conn:
                row = conn.execute(statements.get("lake", "has_snapshot").encode(), {"id": self._snapshot}).fetchone()
            return row is None
        return False

    def _is_gone(self, error: duckdb.Error) -> bool:
        """Whether it is for want of the snapshot, of which a query that goes on finds the files deleted."""
        if not any(sign in str(error) for sign in _NO_FILE):
            return isinstance(lakes.failure(error), errors.SnapshotGone)
        return self.is_gone()

    def _explained(self, error: Exception) -> errors.NeaptideError:
        ours = store.failure(error, self._limits)
        if not isinstance(error, duckdb.Error):
            return ours
        # To DuckDB a file that was cut short is a fault of the query.
        return failure(error) if isinstance(ours, errors.TargetUnusable) else lakes.failure(error) or ours

    def _reopen(self) -> None:
        """Take the place of another store, at the newest snapshot."""
        fresh = opened(self._lake, self._limits)
        self.close()
        self.__dict__.clear()
        self.__dict__.update(fresh.__dict__)

    def close(self) -> None:
        """Give the lake back. What is open is rolled back first: else the process ends where the catalog is gone."""
        if not self.lost:
            _roll_back(self._session)
            _roll_back(self._connection)
        super().close()


@dataclass(frozen=True)
class _Found:
    """What the catalog says: the newest snapshot of a whole run, what is in it, how fresh it is, and the note.

    DuckLake would ask the catalog for each of these, and of the tables twice for every one.
    """

    snapshot: int
    names: list[tuple[str, str, str]]
    freshness: tuple[datetime, str] | None
    note: str


def _asked(lake: Lake) -> _Found:
    try:
        with psycopg.connect(lake.conninfo, autocommit=True) as conn:
            row = None
            with suppress(psycopg.errors.UndefinedTable):
                row = conn.execute(statements.get("lake", "opened").encode()).fetchone()
            if row is None or row[0] is None:
                raise errors.NoReportingFile(f"no run has finished yet in {lake.shown}", hint=_SYNC)
            return _Found(
                int(row[0]), [(kind, schema, name) for kind, schema, name in row[1]], _said(row[2]), _note(conn)
            )
    except psycopg.Error as error:
        raise failure(error) from error


def _note(conn: psycopg.Connection[Any]) -> str:
    """What the last run noted; empty for a role that may not look."""
    with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
        note = conn.execute(statements.get("lake", "read_note").encode(), {"name": "freshness"}).fetchone()
        return str(note[0]) if note else ""
    return ""


def _said(text: str | None) -> tuple[datetime, str] | None:
    """The freshness that a run's commit has; None for another's, which only put files together."""
    content = notes.parsed_text(text or "")
    with suppress(ValueError):
        return notes.moment(content.get("as_of")), str(content["run_id"])
    return None


def _checked_as_of(note: str, run_id: str) -> datetime | None:
    """The later `as_of` of a run that found nothing to change."""
    content = notes.parsed_text(note)
    with suppress(ValueError):
        return notes.moment(content.get("as_of")) if content.get("run_id") == run_id else None
    return None


def failure(error: Exception) -> errors.NeaptideError:
    """The error of ours for one of DuckDB's on a lake, or of its catalog's server."""
    text = redaction.bare(str(error).strip().split("\n")[0])
    if isinstance(error, duckdb.Error) and (ours := lakes.failure(error)):
        return ours
    if isinstance(error, psycopg.OperationalError) or "onnect" in text:
        return lakes.away(text)
    return errors.TargetUnusable(
        f"the lake can't be read: {text}", hint="is what [target] data names there, and whole?"
    )


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):
        connection.execute("ROLLBACK")


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    _roll_back(connection)
    connection.close()
