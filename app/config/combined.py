"""What a config may not ask for together: each is told with what to do instead."""

from __future__ import annotations

from app.config.sections import Read, Sync, Target


def check_sources(target: Target, sync: Sync, read: Read, *, log: bool, events: bool) -> None:
    """Several sources have no events, and a lake of theirs no log: how far it was read is noted by one machine.

    Raises `ValueError`.
    """
    if events or sync.dual:
        raise ValueError('the feed "events" and dual are for one source: with [[sources]] use "watermark" or "wal"')
    if read.on_source:
        raise ValueError('[read] mode = "source" asks one database: with [[sources]] the file answers')


def check_lake(sync: Sync) -> None:
    """A lake's commit can't be one with a commit of the source. Raises `ValueError`."""
    if sync.dual:
        raise ValueError(
            "sync: dual = true needs a file: leave it out, or have a file as [target], without url and data"
        )
