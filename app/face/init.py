"""A first config for a database that is there already, or a further source for the config that is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from app import errors, notes
from app.face import completion, proposal, show
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from app.face.addition import Addition
    from jobs.init.choice import Choice, Proposal
    from jobs.job import Job

_EXAMPLES = (
    "neaptide init --url embedded:var/postgres -o mine.toml",
    "neaptide init --url embedded:var/postgres --schema shop -o shop.toml",
    "neaptide init --url embedded:var/postgres --source crm -o several.toml",
)
_URL = "NEAPTIDE_SOURCE__URL"


@click.command("init", cls=Command, examples=_EXAMPLES)
@click.option("--url", help=f"The PostgreSQL to look at, like postgresql://reader@host/database.  [env var: {_URL}]")
@click.option(
    "--source", metavar="NAME", shell_complete=completion.sources,
    help="One of several sources: added to the config if there is one, with its tables.",
)  # fmt: skip
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
    url: str | None,
    source: str | None,
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

    With --source the config gets one more database, and its tables; again, what that has of new ones. What stands in
    it stays.
    """
    from app import config

    path = output or face.config_path
    _check_file(path, source, force=force)
    if source and path.exists():
        _add(face, path, source, url, schemas, track=track, with_password=with_password, as_json=as_json)
        return
    url = url or os.environ.get(config.variable(source or "")) or _missing(source)
    face.urls.append(url)
    job = _job(url)
    proposed = _proposed(face, job, path, source, schemas, track=track)
    _write(path, _from_there(url, path), proposed, source or "", with_password=with_password)
    _show(proposed, as_json=as_json, track=track, again=not source)
    secret = _hidden(url, source or "", with_password=with_password)
    for line in proposal.next_steps(proposed, path, secret=secret, source=source or ""):
        face.say(line)


def _check_file(path: Path, source: str | None, *, force: bool) -> None:
    """Raise `errors.UsageError` where a file is there that is neither to be replaced nor added to."""
    if not path.exists():
        return
    if source and force:
        raise errors.UsageError("--source adds to a file that is there, --force replaces it", hint="give one of them")
    if not (source or force):
        raise errors.UsageError(
            f"{path} exists",
            hint="replace it with --force, name another with -o, or add a database to it with --source NAME",
        )


def _missing(source: str | None) -> NoReturn:
    from app import config

    raise errors.UsageError("give --url, the database to look at", hint=f"or set {config.variable(source or '')}")


def _add(
    face: Face,
    path: Path,
    source: str,
    url: str | None,
    schemas: tuple[str, ...],
    *,
    track: bool,
    with_password: bool,
    as_json: bool,
) -> None:
    """Add what the config has not of the source yet, at its end."""
    from app.face import addition

    face.urls += [url] if url else []
    begun = addition.begun(path, source, None if url is None else _from_there(url, path))
    face.urls.append(begun.url)
    proposed = _proposed(face, _added(begun), path, source, schemas, track=track, begun=begun)
    _show(proposed, as_json=as_json, track=track, again=False)
    if not (proposed.choices or begun.is_new):
        face.say(f"{path} has all tables of source {source}: nothing is written")
        return
    begun.write(proposed, with_password=with_password)
    secret = begun.is_new and _hidden(begun.url, source, with_password=with_password)
    for line in proposal.next_steps(proposed, path, secret=secret, source=source):
        face.say(line)


def _proposed(
    face: Face,
    job: Job,
    path: Path,
    source: str | None,
    schemas: tuple[str, ...],
    *,
    track: bool,
    begun: Addition | None = None,
) -> Proposal:
    from jobs.init import addition
    from jobs.init import choices as init

    face.say(f"looking at {show.place(job)}, where nothing is changed, to write {path}")
    proposed = init.propose(job, schemas, track=track)
    return addition.of(proposed, source, begun.settings.tables if begun else []) if source else proposed


def _write(path: Path, url: str, proposed: Proposal, source: str, *, with_password: bool) -> None:
    """A new file; with a password in it, for nobody else's eyes."""
    from app import config
    from jobs.init import text as config_text

    written = config_text.config_text(url, proposed, with_password=with_password, source=source)
    if source:
        config.checked(path, written)
    path.parent.mkdir(parents=True, exist_ok=True)
    notes.write(path, written)


def _show(proposed: Proposal, *, as_json: bool, track: bool, again: bool) -> None:
    if as_json:
        show.as_json([_fields(one) for one in proposed.choices])
    else:
        show.lines(proposal.lines(proposed, track=track, again=again))


def _fields(one: Choice) -> dict[str, Any]:
    cost = {"rows": one.rows, "bytes": one.bytes, "seconds": one.seconds if one.whole else None}
    return {"name": one.name, "off": one.off, **one.values, "reasons": one.reasons, "group": one.group, **cost}


def _hidden(url: str, source: str, *, with_password: bool) -> bool:
    """Whether the file lacks a password that only the command line had."""
    from app import config
    from jobs.init import text as config_text

    elsewhere = os.environ.keys() & {config.variable(source), "PGPASSWORD"}
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
        messages = (str(item["msg"]).removeprefix("Value error, ") for item in error.errors(include_input=False))
        raise errors.UsageError("; ".join(messages)) from None
    # Not through the environment, which would win over --url.
    settings = config.Settings(base=Path.cwd()).model_copy(update={"source": source})
    return bootstrap.job(settings, any_tables=True)


def _added(begun: Addition) -> Job:
    """The same for the source of a config, with that one's settings."""
    from app import bootstrap

    alone = {"source": begun.source, "sources": [], "tables": []}
    return bootstrap.job(begun.settings.model_copy(update=alone), any_tables=True)
