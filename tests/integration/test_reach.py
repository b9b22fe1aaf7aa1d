"""A source or a broker that is away is asked often, so that it is in use again soon after it is back; told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from app import errors
from jobs.broker import relay
from jobs.broker.port import Batch, Event
from jobs.daemon.leader import Leader
from jobs.daemon.watches import Watches
from jobs.source.connection import Source
from jobs.status.board import Board
from tests.support.items import begun
from tests.support.syncing import Lab

# Nobody listens on this port.
AWAY = "postgresql://reader@127.0.0.1:1/shop"


class Pauses:
    """Stands in for the event that ends a daemon's waits: none takes any time, and after so many it is set."""

    def __init__(self, most: int) -> None:
        self.most, self.seconds = most, list[float]()

    def wait(self, seconds: float) -> bool:
        if seconds and len(self.seconds) < self.most:
            self.seconds.append(seconds)
        return len(self.seconds) >= self.most


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(AWAY, tmp_path, [{"name": "public.item"}])


def _leads(job: Any, pauses: Any) -> None:
    leader = Leader(job, Board(), Mock(), Mock(), Mock(), pauses)
    leader.start()
    leader._thread.join()


def _watches(job: Any, pauses: Any) -> None:
    watches = Watches(SimpleNamespace(parts=[job]), pauses.wait, Mock())  # type: ignore[arg-type]
    watches.start()
    watches._threads[0].join()


@pytest.mark.parametrize("asks", [_leads, _watches])
def test_a_server_that_is_away_is_asked_every_other_second(lab: Lab, asks: Callable[[Any, Any], None]) -> None:
    pauses = Pauses(5)
    asks(lab.job, pauses)
    assert pauses.seconds == [1, 2, 2, 2, 2]


class Broker:
    """Away for so many attempts."""

    def __init__(self, times: int) -> None:
        self.times, self.taken = times, list[Event]()

    def publish(self, batch: Sequence[Event]) -> None:
        self.times -= 1
        if self.times >= 0:
            raise errors.BrokerUnavailable("the broker does not answer", hint="neaptide broker start")
        self.taken += batch

    def read(self, after: int, limit: int = 0) -> Batch:
        raise NotImplementedError


def test_a_broker_that_is_away_is_told_once_and_asked_every_other_second(empty_db: str, tmp_path: Path) -> None:
    lab = begun(Lab(empty_db, tmp_path, [{"name": "public.item", "feed": "events"}]))
    broker, pauses = Broker(30), list[float]()
    lab.run(
        "INSERT INTO neaptide.outbox (name, aggregate, key, version)"
        " SELECT 'Made', 'item', g::text, 1 FROM generate_series(1, 2) AS g"
    )

    def wait(seconds: float) -> bool:
        # Whose turn it is is asked every second: the server may not know yet that the session before is gone.
        pauses.append(seconds)
        return relay.PAUSE in pauses

    with capture_logs() as logs:
        relay.relay(Source.of_owner(lab.job), broker, wait)
    assert [event.key for event in broker.taken] == ["1", "2"]
    assert (pauses.count(2), max(pauses)) == (29, 2)
    assert [(line["action"], line["log_level"]) for line in logs] == [
        ("relay_failed", "warning"),
        ("recovered", "info"),
    ]
    assert (logs[0]["hint"], logs[1]["failures"]) == ("neaptide broker start", 30)
