"""The embedded PostgreSQL and the shop's schema."""

from __future__ import annotations

import click

from app.face import show
from app.face.base import Face, Group, json_option, pass_face


@click.group(cls=Group, examples=("neaptide db start", "neaptide db status"))
def command() -> None:
    """The embedded PostgreSQL server and the schema."""


@command.command(examples=("neaptide db start",))
@pass_face
def start(face: Face) -> None:
    """Start the embedded server, making it first where there is none."""
    from app import bootstrap

    server = bootstrap.embedded(face.settings)
    server.start()
    face.say(f"PostgreSQL {server.status().version} runs on port {server.status().port}")


@command.command(examples=("neaptide db status", "neaptide db status --json"))
@json_option
@pass_face
def status(face: Face, *, as_json: bool) -> int:
    """Say whether the embedded server runs; exit code 1 if it does not."""
    from app import bootstrap

    status = bootstrap.embedded(face.settings).status()
    fields = {
        "running": status.running,
        "pid": status.pid,
        "port": status.port,
        "version": status.version,
        "folder": str(status.root),
    }
    show.server(fields, json=as_json)
    return 0 if status.running else 1


@command.command(examples=("neaptide db url", "neaptide db url --with-password"))
@click.option("--with-password", is_flag=True, help="Show the password too: for psql and other programs.")
@pass_face
def url(face: Face, *, with_password: bool) -> None:
    """Print the source's URL."""
    from app import bootstrap
    from app.face import failures

    source_url = bootstrap.source_url(face.settings, start=False)
    click.echo(source_url if with_password else failures.redact(source_url, face))


@command.command(examples=("neaptide db migrate",))
@pass_face
def migrate(face: Face) -> None:
    """Bring the shop's schema up to date; safe to repeat."""
    from app import bootstrap

    bootstrap.migrate(face.settings)
    face.say("the schema shop is up to date")


@command.command(examples=("neaptide db stop",))
@pass_face
def stop(face: Face) -> None:
    """Stop the embedded server; the data stays."""
    from app import bootstrap

    bootstrap.embedded(face.settings).stop()
    face.say("PostgreSQL is stopped")
