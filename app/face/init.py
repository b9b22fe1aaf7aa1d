"""A first config for a database that is there already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app import errors, notes
from app.face import proposal, show
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.init.choice import Choice
    from jobs.job import Job

_EXAMPLES = (
    "neaptide init --url embedded:var/postgres -o mine.toml",
    "neaptide init --url embedded:var/postgres --schema shop -o shop.toml",
)


@click.command("init", cls=Command, examples=_EXAMPLES)
@click.option(
    "--url",
    envvar="NEAPTIDE_SOURCE__URL",
    required=True,
    help="The PostgreSQL to look at, like postgresql://reader@host/database.",
)
@click.option("--schema", "schemas", multiple=True, metavar="S", help="Only this schema; may be repeated.")
@click.option("--track", is_flag=True, help="Propose triggers where they win, not only what a reader may do.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--with-password", is_flag=True, help="Write the URL's password into the file, too.")
@json_option
@pass_face
def command(
    face: Face,
    *,
    url: str,
    schemas: tuple[str, ...],
    track: bool,
    output: Path | None,
    force: bool,
    with_password: bool,
    as_json: bool,
) -> None:
    """Look at a database and write a config for it.

    A role that may only read can sync with it at once. For each table a choice, what it costs, and the reason as a
    comment. Nothing on the server is changed.
    """
    from jobs.init import choices as init
    from jobs.init import text as config_text

    face.urls.append(url)
    path = output or face.config_path
    if path.exists() and not force:
        raise errors.UsageError(f"{path} exists", hint="replace it with --force, or name another with -o")
    job = _job(url)
    face.say(f"looking at {show.place(job)}, where nothing is changed, to write {path}")
    proposed = init.propose(job, schemas, track=track)
    written = _from_there(url, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # With a password in it, for nobody else's eyes.
    notes.write(path, config_text.config_text(written, proposed, with_password=with_password))
    if as_json:
        show.as_json([_fields(one) for one in proposed.choices])
    else:
        show.lines(proposal.lines(proposed, track=track))
    for line in proposal.next_steps(proposed, path, secret=_hidden(url, with_password=with_password)):
        face.say(line)


def _fields(one: Choice) -> dict[str, Any]:
    cost = {"rows": one.rows, "bytes": one.bytes, "seconds": one.seconds if one.whole else None}
    return {"name": one.name, "off": one.off, **one.values, "reasons": one.reasons, "group": one.group, **cost}


def _hidden(url: str, *, with_password: bool) -> bool:
    """Whether the file lacks a password that only the command line had."""
    from jobs.init import text as config_text

    elsewhere = os.environ.keys() & {"NEAPTIDE_SOURCE__URL", "PGPASSWORD"}
    return config_text.without_password(url)[1] and not with_password and not elsewhere


def _from_there(url: str, path: Path) -> str:
    """The URL as the file has to say it: a folder is typed from where one stands, and read from the file's own."""
    from app.config.values import EMBEDDED

    if not url.startswith(EMBEDDED):
        return url
    folder = Path(url.removeprefix(EMBEDDED))
    if folder.is_absolute():
        return url
    return f"{EMBEDDED}{os.path.relpath(folder.absolute(), path.absolute().parent)}"


def _job(url: str) -> Job:
    from pydantic import SecretStr, ValidationError

    from app import bootstrap, config

    try:
        source = config.Source(url=SecretStr(url))
    except ValidationError as error:
        told = (str(item["msg"]).removeprefix("Value error, ") for item in error.errors(include_input=False))
        raise errors.UsageError("; ".join(told)) from None
    # Not through the environment, which would win over --url.
    settings = config.Settings(base=Path.cwd()).model_copy(update={"source": source})
    return bootstrap.job(settings, any_tables=True)
