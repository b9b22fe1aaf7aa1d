"""The projections of a run: whether they lack anything, and how they are brought up to its snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.engine.session import DuckSession
from jobs.feeds.both import Feeds
from jobs.record.state import State
from jobs.run.context import Context

if TYPE_CHECKING:
    from jobs.feeds.events.feed import Queue


def has_news(context: Context) -> bool:
    """Whether there are events for projections, or other projections than before."""
    queue = _queue(context)
    if queue is None:
        return False
    from jobs.projections import folder, projector

    wanted = folder.of(context.job.settings.projections_path)
    return projector.has_news(wanted, context.published.projections, queue)


def project(context: Context, file: DuckSession, state: State, failed: dict[str, str]) -> None:
    """Bring those of the file up to the snapshot. Raises `ProjectionFailed`.

    A run of some tables leaves them as they are, and so does one in which nobody tells of events.
    """
    queue = _queue(context)
    if queue is None:
        return
    from jobs.projections import folder
    from jobs.projections.projector import Projector

    wanted = folder.of(context.job.settings.projections_path)
    projector = Projector(file, wanted, state.projections, queue, context.now.next_watermark(None), failed)
    projector.run(context.job.files.published, context.published.projections)
    context.now.warnings.extend(projector.warnings)


def _queue(context: Context) -> Queue | None:
    feed = context.feed
    return feed.queue if isinstance(feed, Feeds) and not context.options.tables else None
