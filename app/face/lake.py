"""What concerns a lake alone: how a project moves into one, and its upkeep."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from app.face import show
from app.face.base import Face, Group, json_option, pass_face


@click.group(cls=Group, examples=("neaptide lake migrate", "neaptide lake tidy"))
def command() -> None:
    """Move a reporting file into a lake, and keep the lake small."""


@command.command("migrate", examples=("neaptide lake migrate", "neaptide lake migrate var/old.duckdb"))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@pass_face
def migrate(face: Face, *, file: Path | None, as_json: bool) -> None:
    """Copy a reporting file's tables, histories, watermarks and records into the lake of the config.

    The file is that of [target] path, or the one named, and stays as it is. The next run goes on from it.
    """
    from app import bootstrap
    from jobs.beside.names import Names
    from jobs.migrate import migrate as moved

    job = bootstrap.job(face.settings, start=False)
    path = file.absolute() if file else face.settings.file_path
    migrated = moved(job, Names(path, face.settings.target.mode))
    for name in migrated.anew:
        face.say(f"{name} has values that Parquet would change: the next run copies it anew, those as text")
    for note in migrated.notes:
        face.say(note)
    if as_json:
        show.as_json(asdict(migrated))
    else:
        show.lines([f"{name}: {rows:,} rows" for name, rows in migrated.tables.items()])
        face.say("the lake holds what the file does: neaptide sync goes on from there")


@command.command("tidy", examples=("neaptide lake tidy",))
@pass_face
def tidy(face: Face) -> None:
    """Put small files together now, and delete what is older than [target] retention.

    Every 50th run that changes anything does the same.
    """
    from app import bootstrap, errors
    from jobs.targets import targets
    from jobs.targets.lake.target import LakeTarget

    target = targets.of(bootstrap.job(face.settings, start=False))
    if not isinstance(target, LakeTarget):
        raise errors.UsageError("the target is a file", hint="it is kept small by the runs themselves")
    before = target.size()
    target.tidy_now()
    face.say(f"{before / 2**20:,.1f} MB before, {target.size() / 2**20:,.1f} MB now")
