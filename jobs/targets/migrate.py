"""Moves a project from its reporting file into a lake: tables, watermarks and records, in one commit.

The next run goes on from the file's watermarks. What Parquet would change is not taken over: such a table is copied
anew by that run, with those columns as text. Read models follow from the tables, and are built anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from app import errors, statements, versions
from jobs import quoting
from jobs.beside import notes
from jobs.beside.names import Names
from jobs.job import Job
from jobs.record import state as ledger
from jobs.targets import targets
from jobs.targets.lake.session import LakeSession
from jobs.targets.lake.target import LakeTarget


@dataclass(frozen=True)
class Migrated:
    """The tables that were taken over with their rows, and those that the next run copies anew."""

    tables: dict[str, int]
    anew: tuple[str, ...]


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
            lake.execute(f"ATTACH {quoting.literal(str(published))} AS file (READ_ONLY)")
            migrated = _copied(lake)
        # What was noted beside the file is true of the lake, too, which is of the same run.
        if noted := files.read("freshness", notes.Freshness):
            job.files.note("freshness", noted)
    return migrated


def _copied(lake: LakeSession) -> Migrated:
    """All in one transaction, so that readers see nothing or all of it."""
    copied = _tables(lake)
    found = lake.rows(statements.get("lakefile", "strange_tables"))
    strange = {quoting.join_name(row["schema"], row["name"]) for row in found}
    anew = tuple(sorted(strange & copied))
    with lake.transaction():
        ledger.create_schema(lake)
        for name in ("file", "watermarks", "runs", "table_runs"):
            lake.execute(f"INSERT INTO out.neaptide.{name} BY NAME FROM file.neaptide.{name}")
        if lake.has("neaptide.sources", "file"):
            lake.block("create_sources")
            lake.rows(statements.get("lakefile", "take_over_sources"))
        lake.block("forget_watermarks", {"names": json.dumps(anew)})
        tables = {name: _table(lake, name) for name in sorted(copied - strange)}
        lake.check_writer()
    return Migrated(tables, anew)


def _tables(lake: LakeSession) -> set[str]:
    """The tables that the file has a watermark of, if it is of this version's format."""
    found = lake.rows(statements.get("lakefile", "format"))
    if not found or found[0]["format"] != ledger.FORMAT:
        raise errors.TargetUnusable("the reporting file is of another format", hint="run `neaptide sync` on it first")
    names = lake.rows(statements.get("lakefile", "watermarks"))
    return {row["name"] for row in names}


def _table(lake: LakeSession, name: str) -> int:
    """One table with all its rows; returns how many."""
    schema, table = quoting.split_name(name)
    place = quoting.qualified(schema, table)
    columns = lake.rows(f"DESCRIBE file.{place}")
    defined = ", ".join(lake.defined(row["column_name"], row["column_type"], ()) for row in columns)
    lake.execute(f"CREATE SCHEMA IF NOT EXISTS out.{quoting.identifier(schema)}")
    lake.execute(f"CREATE TABLE out.{place} ({defined})")
    return int(lake.one(f"INSERT INTO out.{place} FROM file.{place}"))
