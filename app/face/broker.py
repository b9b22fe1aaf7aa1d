"""The embedded broker that hands events on."""

from __future__ import annotations

import click

from app.face import show
from app.face.base import Face, Group, json_option, pass_face


@click.group(cls=Group, examples=("neaptide broker start", "neaptide broker status"))
def command() -> None:
    """The embedded NATS server, which hands events on.

    It is used where the config says [events] broker = "embedded:var/nats".
    """


@command.command(examples=("neaptide broker start",))
@pass_face
def start(face: Face) -> None:
    """Start the embedded broker, making its folder first where there is none."""
    from app import bootstrap

    server = bootstrap.broker(face.settings)
    server.start()
    face.say(f"NATS runs on port {server.port()}")


@command.command(examples=("neaptide broker status", "neaptide broker status --json"))
@json_option
@pass_face
def status(face: Face, *, as_json: bool) -> int:
    """Say whether the embedded broker runs; exit code 1 if it does not."""
    from app import bootstrap

    status = bootstrap.broker(face.settings).status()
    show.server(
        {"running": status.running, "pid": status.pid, "port": status.port, "folder": str(status.root)}, json=as_json
    )
    return 0 if status.running else 1


@command.command(examples=("neaptide broker stop",))
@pass_face
def stop(face: Face) -> None:
    """Stop the embedded broker; the events that it holds stay."""
    from app import bootstrap

    bootstrap.broker(face.settings).stop()
    face.say("NATS is stopped")
