"""Opens the events for a run: the outbox, and what of it was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import errors, statements
from jobs.feeds.events import told
from jobs.feeds.events.feed import EventsFeed, Queue
from jobs.source.connection import Connection
from jobs.source.session import SourceSession

if TYPE_CHECKING:
    from jobs.job import Job


def opened(job: Job, now: SourceSession) -> EventsFeed | None:
    """The feed; None where no table needs it, or none can have it, each set aside with the reason."""
    tables = [table for table in now.tables if table.from_events]
    if not tables:
        return None
    try:
        queue = outbox(now.conn)
    except errors.NeaptideError as error:
        now.set_aside({table.name: error for table in tables})
        return None
    return EventsFeed(queue, job.settings.events.sweep)


def outbox(conn: Connection) -> Queue:
    """What the source has of an outbox. Raises `errors.NotTracked` and `errors.AccessDenied`."""
    row = conn.execute(statements.get("outbox", "is_there")).fetchone()
    if row is None or not row["is_there"]:
        raise told.missing()
    if not row["readable"]:
        raise errors.AccessDenied(
            "the role may not read neaptide.outbox",
            hint="GRANT USAGE ON SCHEMA neaptide TO the reading role, and SELECT ON neaptide.outbox, neaptide.purge",
        )
    gone = conn.execute(statements.get("outbox", "purged"), {"relid": row["relid"]}).fetchone()
    return Queue(f"outbox:{row['relid']}", int(gone["xid"]) if gone else 0)
