"""Tables that are left as they are published, until they are resumed."""

from __future__ import annotations

import click

from app.face import completion, show
from app.face.base import Command, Face, json_option, pass_face


@click.command("pause", cls=Command, examples=("neaptide pause shop.orders", "neaptide pause --json"))
@click.argument("tables", nargs=-1, metavar="[TABLE]…", shell_complete=completion.tables)
@json_option
@pass_face
def command(face: Face, *, tables: tuple[str, ...], as_json: bool) -> None:
    """Leave tables as they are published; without a name, list them.

    From the next run on, also of a running daemon. `as_of` of the file stays where it is for them.
    """
    from app import bootstrap
    from jobs.targets import pauses

    job = bootstrap.job(face.settings, start=False)
    new = pauses.pause(job, list(tables)) if tables else []
    for name in dict.fromkeys(tables):
        face.say(f"{name} is paused{'' if name in new else ' already'}; neaptide resume {name}")
    paused = sorted(job.paused)
    if as_json:
        show.as_json(paused)
    elif not tables:
        show.lines(paused or ["no table is paused"])


@click.command("resume", cls=Command, examples=("neaptide resume shop.orders", "neaptide resume"))
@click.argument("tables", nargs=-1, metavar="[TABLE]…", shell_complete=completion.tables)
@json_option
@pass_face
def resume(face: Face, *, tables: tuple[str, ...], as_json: bool) -> None:
    """Bring paused tables up to date again, from the next run on.

    Those named, or all.
    """
    from app import bootstrap
    from jobs.targets import pauses

    job = bootstrap.job(face.settings, start=False)
    resumed = pauses.resume(job, list(tables))
    if as_json:
        show.as_json(resumed)
    for line in _told(resumed, list(tables), sorted(job.paused)):
        face.say(line)


def _told(resumed: list[str], named: list[str], still: list[str]) -> list[str]:
    """What became of each table; the config's own stay as they are."""
    lines = [f"{name} is resumed: the next run brings it up to date" for name in resumed if name not in still]
    if named:
        return lines + [f"{name} was not paused" for name in dict.fromkeys(named) if name not in resumed]
    lines += [f"{name} stays paused: it has paused = true in the config" for name in still]
    return lines or ["nothing was paused"]
