"""A first config for a database that is there already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import errors
from app.face import show
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
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
    output: Path | None,
    force: bool,
    with_password: bool,
    as_json: bool,
) -> None:
    """Look at a database and write a config for it.

    For each table a choice and the reason as a comment. Nothing on the server is changed.
    """
    from jobs.init import choices as init
    from jobs.init import text as config_text

    face.urls.append(url)
    path = output or face.config_path
    if path.exists() and not force:
        raise errors.UsageError(f"{path} exists", hint="replace it with --force, or name another with -o")
    job = _job(url, path)
    face.say(f"looking at {show.place(job)}, where nothing is changed, to write {path}")
    choices = init.propose(job, schemas)
    _write(path, config_text.config_text(url, choices, with_password=with_password))
    if as_json:
        show.as_json([{"name": one.name, "off": one.off, **one.values, "reasons": one.reasons} for one in choices])
    else:
        rows = [
            (
                one.name,
                config_text.size(one.bytes),
                "not synced" if one.off else one.values["watermark"],
                " ".join(one.reasons),
            )
            for one in choices
        ]
        show.table(("table", "size", "watermark", "why"), rows)
    face.say(f"wrote {path}; next: neaptide track, neaptide sync --dry-run, neaptide sync, neaptide verify")


def _job(url: str, path: Path) -> Job:
    from pydantic import SecretStr, ValidationError

    from app import bootstrap, config

    try:
        source = config.Source(url=SecretStr(url))
    except ValidationError as error:
        raise errors.UsageError("; ".join(str(item["msg"]) for item in error.errors(include_input=False))) from None
    # Not through the environment, which would win over --url.
    settings = config.Settings(base=path.absolute().parent).model_copy(update={"source": source})
    return bootstrap.job(settings)


def _write(path: Path, text: str) -> None:
    """With a password in it, for nobody else's eyes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.passing")
    made.unlink(missing_ok=True)
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    # Not through a link, nor into a file whose rights are others.
    made.replace(path)
