"""What a config may not ask for together: each is told with what to do instead."""

from __future__ import annotations

from collections.abc import Collection

from app.config.sections import Events, Read, Sync


def check_sources(sync: Sync, read: Read, events: Events, told: Collection[str]) -> None:
    """What is for one source alone; `told` are the names of those of several that events tell of.

    Raises `ValueError`.
    """
    if sync.dual:
        raise ValueError("sync: dual = true is for one source: leave it out, or have a config for each source")
    if told and events.broker.get_secret_value() != "postgres":
        raise ValueError(
            'events: a broker is for one source: with [[sources]] use broker = "postgres", each source\'s own outbox'
        )
    if events.projections is not None and len(told) > 1:
        raise ValueError(
            f"events: projections are made of the events of one source, and {' and '.join(sorted(told))} have events:"
            ' give the tables of all but one feed = "watermark" or "wal"'
        )
    if read.on_source:
        raise ValueError('[read] mode = "source" asks one database: with [[sources]] the file answers')


def check_lake(sync: Sync) -> None:
    """A lake's commit can't be one with a commit of the source. Raises `ValueError`."""
    if sync.dual:
        raise ValueError(
            "sync: dual = true needs a file: leave it out, or have a file as [target], without url and data"
        )
