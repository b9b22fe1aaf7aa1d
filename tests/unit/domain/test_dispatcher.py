from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from app import errors
from app.dispatcher import Dispatcher
from app.domain import events, ids
from app.domain.events import Event, ProductCreated, ProductDiscontinued
from app.domain.money import Money

TEA = ProductCreated(key=ids.new_id(), sku="TEA", product_name="Tea", unit_price=Money.of("1.50", "EUR"))


def test_a_handler_hears_of_its_events_until_it_is_removed() -> None:
    dispatcher, heard = Dispatcher(), list[Event]()
    dispatcher.register(ProductCreated, heard.append)
    assert dispatcher.has(ProductCreated, heard.append)
    assert not dispatcher.has(ProductDiscontinued, heard.append)
    dispatcher.dispatch([TEA, ProductDiscontinued(key=TEA.key)])
    dispatcher.remove(ProductCreated, heard.append)
    dispatcher.dispatch([TEA])
    assert heard == [TEA]
    assert not dispatcher.has(ProductCreated, heard.append)


def test_a_handler_that_fails_is_logged_and_keeps_no_other_back() -> None:
    dispatcher, heard = Dispatcher(), list[Event]()

    def fails(_: Event) -> None:
        raise ValueError("no")

    dispatcher.register(ProductCreated, fails)
    dispatcher.register(ProductCreated, heard.append)
    with capture_logs() as logs:
        dispatcher.dispatch([TEA])
    assert heard == [TEA]
    assert [(log["action"], log["event_name"]) for log in logs] == [("handler_failed", "ProductCreated")]


def test_a_handler_that_was_not_registered_cannot_be_removed_nor_one_be_twice() -> None:
    dispatcher = Dispatcher()
    with pytest.raises(errors.UsageError, match="does not handle ProductCreated"):
        dispatcher.remove(ProductCreated, print)
    dispatcher.register(ProductCreated, print)
    with pytest.raises(errors.UsageError, match="print handles ProductCreated already"):
        dispatcher.register(ProductCreated, print)


def test_a_payload_is_of_jsons_types_and_loses_no_cent() -> None:
    assert TEA.name == "ProductCreated"
    assert TEA.payload() == {
        "sku": "TEA",
        "product_name": "Tea",
        "unit_price": {"amount": "1.50", "currency": "EUR"},
    }
    order = events.OrderPlaced(
        key=ids.new_id(), number="N", customer_id=TEA.key, total=Money.of(3, "EUR"), items=({"product_id": TEA.key},)
    )
    assert order.payload()["items"] == [{"product_id": str(TEA.key)}]
