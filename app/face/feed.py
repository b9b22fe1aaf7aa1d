"""Where the tables' changes come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.face import completion, show
from app.face.base import Face, Group, json_option, pass_face

if TYPE_CHECKING:
    from jobs.status.feeding import Fed, Feeds


@click.group(cls=Group, examples=("neaptide feed status", "neaptide feed resync shop.orders"))
def command() -> None:
    """Where changes come from: stamps and triggers, the server's log, or events."""


@command.command(examples=("neaptide feed status", "neaptide feed status --json"))
@json_option
@pass_face
def status(face: Face, *, as_json: bool) -> int:
    """Say of each table which feed it has, how far the file is, and what stands in the way.

    PostgreSQL is asked, and nothing is changed. Exit code 1 if something needs doing.
    """
    from app import bootstrap
    from jobs.status import feeding

    found = feeding.read(bootstrap.job(face.settings, start=False))
    if as_json:
        show.as_json(found.as_dict())
    else:
        _show(face, found)
    return 1 if found.is_bad else 0


@command.command(examples=("neaptide feed resync", "neaptide feed resync shop.orders"))
@click.argument("tables", nargs=-1, metavar="[TABLE]…", shell_complete=completion.tables)
@json_option
@pass_face
def resync(face: Face, *, tables: tuple[str, ...], as_json: bool) -> int:
    """Copy tables anew, and follow them from there; without a name, all.

    What `neaptide track` installs is put in place first where something of it is missing, a lost slot made anew.
    """
    from app import bootstrap
    from app.face import sync as running
    from app.face import waits
    from jobs.run import sync
    from jobs.tracking import install

    job = bootstrap.job(face.settings)
    with waits.told(face.say, job):
        for statement in install.track(job, list(tables)):
            face.say(statement)
        run = sync.sync_once(job, tables=list(tables) or None, full=True, progress=face.progress())
    return running.show_run(face, run, as_json=as_json, whole=not tables)


def _show(face: Face, found: Feeds) -> None:
    now = face.now()
    show.table(
        ("table", "feed", "as of", "place"),
        [
            (one.table, one.feed, show.clock(one.as_of, now) if one.as_of else "never", one.place)
            for one in found.tables
        ],
    )
    if found.slots:
        click.echo()
        held = [(one.slot, "this" if one.ours else "another", one.status, one.active, one.held) for one in found.slots]
        show.table(("slot", "target", "status", "read now", "bytes held"), held)
    for line in [*_troubles(found.tables), *found.problems]:
        face.say(line)


def _troubles(tables: tuple[Fed, ...]) -> list[str]:
    """Each once, whatever the number of tables that have it."""
    found = dict.fromkeys((one.problem, one.hint) for one in tables if one.problem)
    return [f"{problem}\n  -> {hint}" if hint else problem for problem, hint in found]
