"""Opens the events for a run: the outbox, and the stream where there is a broker."""

from __future__ import annotations

from app import errors, statements
from jobs.broker import outbox
from jobs.feeds.events.feed import EventsFeed, Queue
from jobs.feeds.events.queues import OutboxQueue, Reader, StreamQueue
from jobs.job import Job
from jobs.source.connection import Connection
from jobs.source.session import SourceSession


def opened(job: Job, now: SourceSession) -> EventsFeed | None:
    """The feed; None where no table needs it, or none can have it, each set aside with the reason."""
    tables = [table for table in now.tables if table.from_events]
    if not tables:
        return None
    try:
        return EventsFeed(_queue(job, now), job.settings.events.sweep, stays_open=job.sessions is not None)
    except errors.NeaptideError as error:
        now.set_aside({table.name: error for table in tables})
        return None


def _queue(job: Job, now: SourceSession) -> Queue:
    queue = of_outbox(now.conn)
    return StreamQueue(now, reader(job)) if job.broker_url else queue


def of_outbox(conn: Connection) -> OutboxQueue:
    """What the source has of an outbox. Raises `errors.NotTracked` and `errors.AccessDenied`."""
    relid = outbox.check(conn)
    gone = conn.execute(statements.get("outbox", "purged"), {"relid": relid}).fetchone()
    return OutboxQueue(conn, f"outbox:{relid}", int(gone["xid"]) if gone else 0)


def reader(job: Job) -> Reader:
    """What reads the stream, kept between the runs of one process."""
    from jobs.broker.nats import NatsBroker

    if job.sessions is None:
        return Reader(NatsBroker(job.broker_url))
    if job.sessions.stream is None:
        # Kept before it is asked for anything: a broker that is away is reached again by the same.
        job.sessions.stream = Reader(NatsBroker(job.broker_url), listens=True)
    stream_reader: Reader = job.sessions.stream
    return stream_reader
