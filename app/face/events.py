"""Events as they come by, and the relay that hands them on to a broker."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from app import escapes
from app.face.base import Command, Face, Group, json_option, pass_face

if TYPE_CHECKING:
    from jobs.broker.port import Event
    from jobs.job import Job


@click.group(cls=Group, examples=("neaptide events tail", "neaptide events tail --follow"))
def command() -> None:
    """The events that writers tell of."""


@command.command(examples=("neaptide events tail", "neaptide events tail --follow --json"))
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many to begin with.")
@click.option("--follow", "-f", is_flag=True, help="Go on, until Ctrl-C.")
@json_option
@pass_face
def tail(face: Face, *, limit: int, follow: bool, as_json: bool) -> None:
    """Print the newest events: of the outbox, or of the broker's stream where there is one.

    With --json each is an object in a line of its own.
    """
    from app import bootstrap

    job = bootstrap.job(face.settings, any_tables=True)
    with _told_to_end() as ended:
        for event in _events(job, limit, ended if follow else lambda _: True):
            click.echo(json.dumps(asdict(event)) if as_json else _line(event))


@click.command("relay", cls=Command, examples=("neaptide relay", "neaptide relay --once"))
@click.option("--once", is_flag=True, help="Hand on what is there, and end.")
@pass_face
def relay(face: Face, *, once: bool) -> None:
    """Hand events on from the outbox to the broker, until SIGTERM.

    The daemon does so by itself; this is for where none runs. One relay works at a time, others stand by.
    """
    from app import bootstrap, errors
    from jobs.broker import relay as relaying
    from jobs.broker.nats import NatsBroker
    from jobs.source.connection import Source

    job = bootstrap.job(face.settings, any_tables=True)
    if not job.broker_url:
        raise errors.UsageError(
            "PostgreSQL itself hands the events on: there is nothing to relay",
            hint='name a broker: [events] broker = "embedded:var/nats", with feed = "events"',
        )
    broker, counts = NatsBroker(job.broker_url), list[int]()
    try:
        if once:
            counts.append(relaying.drain(Source.of_owner(job), broker))
        else:
            with _told_to_end() as ended:
                relaying.relay(Source.of_owner(job), broker, ended, counts.append)
    finally:
        broker.close()
    face.say(f"{sum(counts):,} events were handed on")


def _events(job: Job, limit: int, ended: Callable[[float], bool]) -> Iterator[Event]:
    from jobs.broker import outbox, tail
    from jobs.broker.nats import NatsBroker
    from jobs.source.connection import Source

    if job.broker_url:
        broker = NatsBroker(job.broker_url)
        try:
            yield from tail.of_stream(broker, limit, ended)
        finally:
            broker.close()
        return
    with Source.of_owner(job).connect() as conn:
        outbox.check(conn)
        yield from tail.of_outbox(conn, limit, ended)


def _line(event: Event) -> str:
    payload = json.dumps(event.payload, ensure_ascii=False)
    shown = payload if len(payload) <= 80 else f"{payload[:79]}…"
    return escapes.visible(f"{event.at[:19]} {event.name} {event.key} v{event.version} {shown}")


@contextmanager
def _told_to_end() -> Iterator[Callable[[float], bool]]:
    """What pauses, and says whether SIGTERM or SIGINT came."""
    over = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [(number, signal.signal(number, lambda *_: over.set())) for number in numbers]
    try:
        yield over.wait
    finally:
        for number, handler in before:
            signal.signal(number, handler)
