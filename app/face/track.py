"""What the watermark modes need on the source: triggers, stamps, tombstones."""

from __future__ import annotations

import click

from app import errors
from app.face import completion
from app.face.base import Command, Face, pass_face

_PRINT = "Print the SQL for a DBA instead; change nothing."


@click.command("track", cls=Command, examples=("neaptide track", "neaptide track shop.orders --print"))
@click.argument("tables", nargs=-1, metavar="[TABLE]…", shell_complete=completion.tables)
@click.option("--print", "only_print", is_flag=True, help=_PRINT)
@click.option("--role", metavar="NAME", help="With --print: add the GRANTs that this reading role lacks.")
@pass_face
def command(face: Face, *, tables: tuple[str, ...], only_print: bool, role: str | None) -> None:
    """Install what the sync needs in PostgreSQL.

    Triggers, an index and the record of deletes, for the tables of the config or those named; safe to repeat.
    """
    from app import bootstrap
    from jobs.tracking import each

    if role is not None and not only_print:
        raise errors.UsageError("--role goes with --print", hint="neaptide track --print --role NAME")
    job = bootstrap.job(face.settings)
    if only_print:
        click.echo(each.script(job, list(tables), role=role or ""), nl=False)
        return
    done = each.track(job, list(tables), warn=face.say)
    face.say(f"tracked ({len(done)} statements)" if done else "nothing to install")


@click.command("untrack", cls=Command, examples=("neaptide untrack --print", "neaptide untrack shop.orders --print"))
@click.argument("tables", nargs=-1, metavar="[TABLE]…", shell_complete=completion.tables)
@click.option("--print", "only_print", is_flag=True, help=_PRINT)
@pass_face
def untrack(face: Face, *, tables: tuple[str, ...], only_print: bool) -> None:
    """Remove what `track` installed.

    From the tables named; without a name from all, and the schema `neaptide` with it.
    """
    from app import bootstrap
    from jobs.tracking import each

    job = bootstrap.job(face.settings, any_tables=True)
    if only_print:
        click.echo(each.script(job, list(tables), untrack=True), nl=False)
        return
    face.say(f"untracked ({len(each.untrack(job, list(tables)))} statements)")
