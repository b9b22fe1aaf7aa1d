from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from pydantic import ValidationError

from app import config
from jobs.broker import server
from jobs.broker.port import Event, decoded

EVENT = Event(7, "id", 750, 1, "OrderPlaced", "order", "17", 1, {"shop.orders": [["17"]]}, {"a": "b"}, "2026-03-31")


def test_an_event_comes_back_as_it_was_sent() -> None:
    assert decoded(EVENT.encoded()) == EVENT


def test_of_another_format_only_what_is_certain_is_read() -> None:
    found = decoded(json.dumps({**asdict(EVENT), "format": 2, "keys": 5, "more": 1}).encode())
    assert found == replace(
        EVENT, seq=0, format=2, name="", aggregate="", key="", version=0, keys={}, payload={}, at=""
    )


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"1", b"\xff", b'{"format": 1}', b'{"format": 2, "id": "x"}'])
def test_what_is_no_event_is_none(data: bytes) -> None:
    assert decoded(data) is None


@pytest.mark.parametrize("keys", [None, [], "x"])
def test_keys_that_are_no_object_make_no_event(keys: object) -> None:
    assert decoded(json.dumps({**asdict(EVENT), "keys": keys}).encode()) is None


def test_what_the_embedded_broker_confirms_is_on_its_disk() -> None:
    assert "sync_interval: always" in server._CONFIG


@pytest.mark.parametrize(
    "broker", ["postgres", "embedded:var/nats", "nats://host", "nats://token@host:4222", "tls://h:1"]
)
def test_brokers(broker: str) -> None:
    assert config.Settings(events={"broker": broker}).events.broker.get_secret_value() == broker


@pytest.mark.parametrize("broker", ["", "kafka://host", "embedded:", "nats://", "nats://secret@", "nats://a b"])
def test_what_is_no_broker_is_refused_without_showing_it(broker: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config.Settings(events={"broker": broker})
    assert "secret@" not in str(caught.value.errors(include_input=False))
