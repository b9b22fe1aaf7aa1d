"""Moves a project from its reporting file into a lake: tables, watermarks, records and histories, in one commit.

The next run goes on from the file's watermarks. What Parquet would change is not taken over: such a table is copied
anew by that run, with those columns as text. Read models follow from the tables, and are built anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from app import errors, statements, versions
from jobs import quoting
from jobs.beside import notes as beside
from jobs.beside.names import Names
from jobs.history import moving
from jobs.job import Job
from jobs.record import state as ledger
from jobs.targets import targets
from jobs.targets.lake.session import LakeSession
from jobs.targets.lake.target import LakeTarget


@dataclass(frozen=True)
class Migrated:
    """The tables that were taken over with their rows, those that the next run copies anew, and notes on histories."""

    tables: dict[str, int]
    anew: tuple[str, ...]
    notes: tuple[str, ...] = ()


def migrate(job: Job, files: Names) -> Migrated:
    """Copy what the file holds into the lake that is the target, which no run has written to yet.

    The file stays as it is. Raises `errors.UsageError` for another target, `errors.TargetUnusable` for a damaged file,
    `errors.NoReportingFile`.
    """
    target = targets.of(job)
    if not isinstance(target, LakeTarget):
        raise errors.UsageError("the target is a file", hint="set [target] url and data to what is to be the lake")
    published = files.published
    if published is None:
        raise errors.NoReportingFile(f"there is no reporting file at {files.link}", hint="run `neaptide sync`")
    if versions.is_altered(files.link, published) or files.logs():
        raise errors.TargetUnusable(f"another program wrote to {published}", hint="run `neaptide sync` on it first")
    with target.locked():
        if target.look().version is not None:
            raise errors.UsageError("the lake holds a run already", hint="`neaptide sync` goes on with it")
        with target.sessions.writing() as lake:
            lake.attach_published(published)
            migrated = _copied(lake)
        # What was noted beside the file is true of the lake, too, which is of the same run.
        for what, form in (("freshness", beside.Freshness), ("paused", beside.Paused)):
            if noted := files.read(what, form):
                job.files.note(what, noted)
    return migrated


def _copied(lake: LakeSession) -> Migrated:
    """All in one transaction, so that readers see nothing or all of it."""
    copied, changed = _tables(lake), _changed(lake)
    anew = tuple(sorted(changed.keys() & copied))
    with lake.transaction():
        ledger.create_schema(lake)
        for name in ("file", "watermarks", "runs", "table_runs"):
            lake.execute(f"INSERT INTO out.neaptide.{name} BY NAME FROM published.neaptide.{name}")
        if lake.has("neaptide.sources", "published"):
            lake.block("create_sources")
            lake.rows(statements.get("lakefile", "take_over_sources"))
        lake.block("forget_watermarks", {"names": json.dumps(anew)})
        tables = {name: _table(lake, name) for name in sorted(copied - set(anew))}
        notes = moving.take_over(lake, changed)
        lake.check_writer()
    return Migrated(tables, anew, notes)


def _changed(lake: LakeSession) -> dict[str, set[str]]:
    """By table of the file, the columns whose values a lake would change."""
    columns: dict[str, set[str]] = {}
    for row in lake.rows(statements.get("lakefile", "changed_columns")):
        columns.setdefault(quoting.join_name(row["schema"], row["name"]), set()).add(row["column"])
    return columns


def _tables(lake: LakeSession) -> set[str]:
    """The tables that the file has a watermark of, if it is of this version's format."""
    formats = lake.rows(statements.get("lakefile", "format"))
    if not formats or formats[0]["format"] != ledger.FORMAT:
        raise errors.TargetUnusable("the reporting file is of another format", hint="run `neaptide sync` on it first")
    names = lake.rows(statements.get("lakefile", "watermarks"))
    return {row["name"] for row in names}


def _table(lake: LakeSession, name: str) -> int:
    """One table with all its rows; returns how many."""
    schema, table = quoting.split_name(name)
    place = quoting.qualified(schema, table)
    columns = lake.rows(f"DESCRIBE published.{place}")
    defined = ", ".join(lake.defined(row["column_name"], row["column_type"], ()) for row in columns)
    lake.execute(f"CREATE SCHEMA IF NOT EXISTS out.{quoting.identifier(schema)}")
    lake.execute(f"CREATE TABLE out.{place} ({defined})")
    return int(lake.one(f"INSERT INTO out.{place} FROM published.{place}"))
