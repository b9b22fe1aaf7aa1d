"""Whether the published file equals the source already, so that a run has nothing to write."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.apply.merge import Merge
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.feeds import changes, feed
from jobs.feeds.changes import Into
from jobs.models import standing
from jobs.plan.steps import FULL, Step
from jobs.record.history import Histories
from jobs.run import planning, projecting, ranged, reading
from jobs.run.context import Context, TableFailed, diagnosed
from jobs.tables.table import Table
from jobs.targets import targets


def is_quiet(context: Context) -> bool:
    """Whether nothing changed since the published file's watermarks; False also where that can't be found out."""
    try:
        return _nothing_new(context)
    except (Damaged, TableFailed, feed.UnreadableKeys):
        # The other file may be whole; if not, that is found out, too. So is why a table can't be read.
        return False


def _nothing_new(context: Context) -> bool:
    now, published = context.now, context.published
    steps = planning.steps(context, published)
    if any(step.action == FULL for step in steps) or context.orphans(published):
        return False
    if standing.differ(context.models, published.models) or projecting.has_news(context):
        return False
    if _histories_differ(now.tables, published.history):
        return False
    known = now.known()
    if now.reasons() != {name: error for name, error in published.errors.items() if name in known}:
        return False
    context.asked = planning.beyond(context, steps)
    news = context.feed.news(context.asked, now)
    # Since the file's own watermarks there is as much: until those of the last run there was nothing.
    context.news = feed.known_of(steps, news)
    doubtful = [step for step in context.asked if news[step.table.name]]
    if not (doubtful or context.options.ranges):
        return True
    if any(_certain(step, news[step.table.name]) for step in doubtful):
        return False
    return _unchanged_rows(context, doubtful)


def _histories_differ(tables: Iterable[Table], histories: Histories) -> bool:
    """Whether a history is to begin or to go that the published file has not, or has."""
    return any(bool(table.spec.history) != (table.name in histories) for table in tables)


def _certain(step: Step, news: feed.News) -> bool:
    """Whether the news can't be a row or a tombstone read before."""
    return news.truncated or (step.gapless and (news.rows or step.table.deletes.recorded))


def _unchanged_rows(context: Context, steps: list[Step]) -> bool:
    """Whether everything that was read stands in the published file already."""
    with targets.of(context.job).reading() as file:
        reading.attach(context.job, file, context.now, context.deadline)
        if context.job.sessions is None and context.now.spool is None:
            file.close_off()
        with file.transaction():
            file.join_snapshot(context.now.snapshot, context.now.spool)
            asked = (_is_empty(context, file, step, place) for place, step in enumerate(steps))
            return all(asked) and _has_ranges(context, file)


def _is_empty(context: Context, file: DuckSession, step: Step, place: int) -> bool:
    label = f"asked_{place}"
    with diagnosed(context.now, step.table):
        gathered = context.feed.gather(Into(file, label, context.options.force_deletes), step, context.now)
    merge = Merge(file, step.table, gathered, label)
    empty = merge.is_empty()
    merge.drop()
    changes.drop(file, gathered)
    return empty


def _has_ranges(context: Context, file: DuckSession) -> bool:
    """Whether the file has the rows already that are asked for anew: most often it is one part in many that differs."""
    for table in context.now.tables:
        wanted = context.options.ranges.get(table.name)
        if wanted is None:
            continue
        with diagnosed(context.now, table):
            read = context.ranges.ahead(file, table, wanted)
            lacking = ranged.lacking(file, table, wanted, read, "asked")
        changes.drop(file, lacking)
        if lacking.rows + lacking.keys:
            if file.memory()[1]:
                # They had to be put on the disk: what mends them reads them once more.
                context.ranges.drop(file)
            return False
        context.ranges.drop(file)
    return True
