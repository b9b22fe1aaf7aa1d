from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app import statements
from app.commands import bus
from app.commands.order import AddItem, CancelOrder, OrderLine, RemoveItem, ReturnItems, ShipOrder
from app.commands.product import ChangePrice, RenameProduct
from app.dispatcher import Dispatcher
from app.domain import errors, ids
from app.domain.events import Event, OrderPlaced, ProductRenamed
from app.oltp.uow import SqlAlchemyUnitOfWork
from tests.support.shop import AT, Shop, eur, opened


@pytest.fixture
def shop(shop_db: str) -> Iterator[Shop]:
    with psycopg.connect(shop_db, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA neaptide")
        conn.execute(statements.get("outbox", "create").encode())
    with opened(shop_db) as found:
        yield found


def recorded(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT name, aggregate, version, keys FROM neaptide.outbox ORDER BY seq")


def test_what_happened_is_written_with_the_rows_and_their_keys(shop: Shop) -> None:
    order_id = shop.place()
    shop.handle(
        AddItem(at=AT, order_id=order_id, item=OrderLine(shop.cup, 1, eur("1.00"))),
        RemoveItem(at=AT, order_id=order_id, line_no=2),
        shop.paying(order_id, "21.00"),
        ShipOrder(at=AT, order_id=order_id),
        ReturnItems(at=AT, order_id=order_id, return_id=ids.new_id(), line_no=1, quantity=1),
    )
    orders, items = {"shop.orders": [[str(order_id)]]}, str(order_id)
    (paid,), (returned,) = (shop.rows(f"SELECT id::text FROM shop.{table}") for table in ("payments", "order_returns"))
    assert recorded(shop)[3:] == [
        ("OrderPlaced", "order", 1, {**orders, "shop.order_items": [[items, "1"], [items, "2"]]}),
        ("OrderItemAdded", "order", 2, {**orders, "shop.order_items": [[items, "3"]]}),
        ("OrderItemRemoved", "order", 3, {**orders, "shop.order_items": [[items, "2"]]}),
        ("PaymentReceived", "order", 4, {}),
        ("OrderPaid", "order", 4, {**orders, "shop.payments": [list(paid)]}),
        ("OrderShipped", "order", 5, orders),
        (
            "OrderItemsReturned",
            "order",
            6,
            {**orders, "shop.order_items": [[items, "1"]], "shop.order_returns": [list(returned)]},
        ),
    ]
    assert shop.rows("SELECT DISTINCT at FROM neaptide.outbox") == [(AT,)]


def test_every_event_of_a_cancelled_order_is_of_its_own_transaction(shop: Shop) -> None:
    order_id = shop.place()
    shop.handle(shop.paying(order_id, "12"), CancelOrder(at=AT, order_id=order_id, refund_id=ids.new_id()))
    assert shop.rows(
        "SELECT count(DISTINCT xid) FROM neaptide.outbox WHERE name IN ('OrderPlaced', 'OrderCancelled')"
    ) == [(2,)]
    assert shop.rows("SELECT payload -> 'refunded' ->> 'amount' FROM neaptide.outbox ORDER BY seq DESC LIMIT 1") == [
        ("12.00",)
    ]


def test_a_change_that_tells_of_nothing_leaves_its_keys(shop: Shop) -> None:
    with shop.uow() as uow:
        uow.products.get(shop.tea).name = "Green tea"
        uow.commit()
    assert recorded(shop)[3:] == [("ProductChanged", "product", 2, {"shop.products": [[str(shop.tea)]]})]


def test_nothing_happened_that_was_rolled_back(shop: Shop) -> None:
    heard: list[Event] = []
    dispatcher = Dispatcher()
    dispatcher.register(ProductRenamed, heard.append)
    dispatcher.register(OrderPlaced, heard.append)

    def uow() -> SqlAlchemyUnitOfWork:
        return SqlAlchemyUnitOfWork(shop.engine, dispatcher)

    with uow() as one:
        one.products.get(shop.tea).rename("Never")
        one.flush()
    with uow() as one:
        one.products.get(shop.cup).rename("Mug")
        with pytest.raises(errors.DomainError), one.savepoint():
            one.products.get(shop.tea).rename("Never")
            one.flush()
            raise errors.SkuTaken
        one.commit()
    assert [event.payload() for event in heard] == [{"product_name": "Mug"}]
    assert [row[0] for row in recorded(shop)[3:]] == ["ProductRenamed"]


def test_handlers_are_called_after_the_commit_with_the_version_it_led_to(shop: Shop) -> None:
    seen: list[Any] = []
    dispatcher = Dispatcher()

    def handler(event: Event) -> None:
        seen.append((event.version, shop.rows("SELECT version FROM shop.products WHERE id = %s", event.key)))

    dispatcher.register(ProductRenamed, handler)
    bus.handle(
        RenameProduct(at=AT, product_id=shop.tea, name="Green tea"),
        lambda: SqlAlchemyUnitOfWork(shop.engine, dispatcher),
    )
    assert seen == [(2, [(2,)])]


def test_a_batch_tells_of_what_was_not_refused(shop: Shop) -> None:
    before = len(recorded(shop))
    refused = bus.handle_batch(
        [
            RenameProduct(at=AT, product_id=shop.tea, name="Green tea"),
            ChangePrice(at=AT, product_id=shop.tea, unit_price=eur("2")),
            ChangePrice(at=AT, product_id=ids.new_id(), unit_price=eur("2")),
        ],
        shop.uow,
    )
    assert len(refused) == 1
    keys = {"shop.products": [[str(shop.tea)]]}
    assert recorded(shop)[before:] == [
        ("ProductRenamed", "product", 2, {}),
        ("ProductPriceChanged", "product", 2, keys),
    ]


def test_a_source_without_an_outbox_is_written_as_ever(shop_db: str) -> None:
    with opened(shop_db) as shop:
        shop.place()
        assert shop.rows("SELECT to_regclass('neaptide.outbox')") == [(None,)]
