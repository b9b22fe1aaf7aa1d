"""What a config may not ask for together: each is told with what to do instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.config.sections import Events, Read, Sync
from app.config.table import Table


def check_sources(sync: Sync, read: Read, events: Events, with_events: Collection[str]) -> None:
    """What is for one source alone; `with_events` are the names of those of several that events tell of.

    Raises `ValueError`.
    """
    if sync.dual:
        raise ValueError("sync: dual = true is for one source: leave it out, or have a config for each source")
    if with_events and events.broker.get_secret_value() != "postgres":
        raise ValueError(
            'events: a broker is for one source: with [[sources]] use broker = "postgres", each source\'s own outbox'
        )
    if events.projections is not None and len(with_events) > 1:
        names = " and ".join(sorted(with_events))
        raise ValueError(
            f"events: projections are made of the events of one source, and {names} have events:"
            ' give the tables of all but one feed = "watermark" or "wal"'
        )
    if read.on_source:
        raise ValueError('[read] mode = "source" asks one database: with [[sources]] the file answers')


def check_lake(sync: Sync, tables: Sequence[Table]) -> None:
    """A lake's commit can't be one with a commit of the source, and its history has the grain of runs.

    Raises `ValueError`.
    """
    if sync.dual:
        raise ValueError(
            "sync: dual = true needs a file: leave it out, or have a file as [target], without url and data"
        )
    by_commit = [table.name for table in tables if table.history == "commits"]
    if by_commit:
        raise ValueError(
            f'tables: {by_commit[0]} has history = "commits", which a lake doesn\'t keep: set history = true,'
            " or have a file as [target], without url and data"
        )


def check_commits(sync: Sync, fed: Sequence[Table]) -> None:
    """Nothing but the log tells of commits, and what a dual write has put into the file is told out of their order.

    `fed` are the entries as [sync] feeds them. Raises `ValueError`.
    """
    by_commit = [table for table in fed if table.history == "commits"]
    unfit = [table.name for table in by_commit if table.watermark != "wal"]
    if unfit:
        raise ValueError(
            f'tables: {unfit[0]} has history = "commits", and no other feed than "wal" tells of commits:'
            ' set feed = "wal" for it, or history = true'
        )
    if by_commit and sync.dual:
        raise ValueError(
            f'tables: {by_commit[0].name} has history = "commits", which dual = true would put out of order:'
            " leave one of them out, or set history = true"
        )
