"""What stands beside the writers where changes are not told by triggers: a reader of the log, or events of theirs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from jobs.feeds.wal.reader import LogReader
from jobs.job import Job
from jobs.source import catalogue, slots
from jobs.source.connection import Source
from tests.bench import alongside

# An event of one transaction, with the keys of the rows that it wrote; before its COMMIT.
TELL = """
INSERT INTO neaptide.outbox (name, aggregate, key, version, keys)
VALUES ('Written', 'item', :a, 1, jsonb_build_object('public.item', jsonb_build_array(
    jsonb_build_array(:a::text), jsonb_build_array(:b::text), jsonb_build_array(:c::text)
)));
"""
_PAUSE = 0.05


@contextmanager
def reading(job: Job) -> Iterator[None]:
    """The log is read, and confirmed, as a daemon does it: the server decodes it meanwhile."""
    with Source.of(job).connect() as conn:
        slot, tables = slots.read(conn, job.files.slot), catalogue.read(conn, job.settings)
    reader = LogReader(Source.of_owner(job), slot.name, slot.confirmed, lambda: False)
    reader.want({table.relid: table.source_key for table in tables})
    try:
        with alongside.working(partial(_read, reader)):
            yield
    finally:
        reader.close()
        with Source.of_owner(job).open("neaptide slot") as conn:
            slots.drop(conn, slot.name)


def _read(reader: LogReader, done: threading.Event) -> None:
    while not done.wait(_PAUSE):
        reader.take()
        reader.confirm(reader.received)
