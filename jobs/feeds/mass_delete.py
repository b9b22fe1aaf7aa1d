"""Refuses to take over a loss that is more often an accident than a decision: `deletes = "compare"`."""

from __future__ import annotations

from pathlib import Path

from app import errors
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.plan.steps import Step
from jobs.tables.table import Table


def refused(session: DuckSession, table: Table, present: str, published: Path | None) -> errors.TooManyDeletes | None:
    """The error where too many of the file's keys are missing from `present`, a DuckDB SELECT of the source's keys.

    The file being written may be a run older than the published one: what that has taken over already is no news.
    """
    lost, total = _lost(session, table, "out", present)
    if _is_bearable(table, lost, total):
        return None
    if published is not None:
        session.attach_published(published)
        lost, total = _lost(session, table, "published", present)
        if _is_bearable(table, lost, total):
            return None
    return errors.TooManyDeletes(
        f"{table.name}: {lost} of {total} rows are gone from the source, more than max_delete_share allows",
        hint="if that is right, run `neaptide sync --force-deletes`",
    )


def refused_anew(session: DuckSession, step: Step, loaded: str, published: Path | None) -> errors.TooManyDeletes | None:
    """The error for a table that was copied anew into `loaded` where too many of the file's keys are missing there.

    A TRUNCATE by accident has the table copied anew, past the comparison of keys that would refuse it.
    """
    table = step.table
    if step.saved is None or not table.deletes.compares or not table.key:
        return None
    before, now = step.saved.signature, table.signature
    # Another key can't be compared, and what another filter leaves out was asked for.
    if any(before.get(part) != now[part] for part in ("key", "config")):
        return None
    return refused(session, table, f"SELECT {quoting.listed(table.key)} FROM {loaded}", published)


def _lost(session: DuckSession, table: Table, base: str, present: str) -> tuple[int, int]:
    name, keys = f"{base}.{table.file_quoted}", quoting.listed(table.key)
    lost = session.one(f"SELECT count(*) FROM (SELECT {keys} FROM {name} EXCEPT ({present}))")
    return lost, session.one(f"SELECT count(*) FROM {name}")


def _is_bearable(table: Table, lost: int, total: int) -> bool:
    return not lost or (lost < total and lost <= total * table.spec.max_delete_share)
