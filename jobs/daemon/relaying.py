"""The relay as a thread of the daemon: events are handed on beside the runs, which read what is still to come."""

from __future__ import annotations

import threading

import structlog

from app import errors
from jobs.broker import relay
from jobs.job import Job
from jobs.source.connection import Source


class Relaying:
    """Nothing where PostgreSQL itself hands events on."""

    def __init__(self, job: Job) -> None:
        self._job, self._stopping = job, threading.Event()
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)

    def start(self) -> None:
        """Begin to hand on what there is, and what comes."""
        if self._job.broker_url:
            self._thread.start()

    def close(self) -> None:
        """End after the batch in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _work(self) -> None:
        # Its loop takes its time to load, and most daemons need none.
        from jobs.broker.nats import NatsBroker

        try:
            broker = NatsBroker(self._job.broker_url)
        except errors.NeaptideError as error:
            structlog.get_logger().error(f"{error.message} ({error.hint})", action="relay_failed")
            return
        try:
            relay.relay(Source.of_owner(self._job), broker, self._stopping.wait)
        finally:
            broker.close()
