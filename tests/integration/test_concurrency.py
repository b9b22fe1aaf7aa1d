from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from app import errors as app_errors
from app.commands import bus
from app.commands.command import Command
from app.commands.order import CancelOrder, RemoveItem, ShipOrder
from app.commands.product import ChangePrice, CreateProduct, RenameProduct
from app.domain import errors, ids
from app.oltp.uow import SqlAlchemyUnitOfWork
from app.ports import Keys
from tests.support.shop import AT, Shop, eur, opened


@pytest.fixture
def shop(shop_db: str) -> Iterator[Shop]:
    with opened(shop_db) as found:
        yield found


class Interrupted(SqlAlchemyUnitOfWork):
    """A unit of work in whose way others come: before it commits, another transaction does, `times` times."""

    def __init__(self, shop: Shop, others: list[Command]) -> None:
        super().__init__(shop.engine)
        self._shop, self._others = shop, others

    def flush(self) -> None:
        if self._others:
            self._shop.handle(self._others.pop(0))
        super().flush()


def test_of_two_that_change_one_aggregate_the_first_wins_and_the_other_is_told(shop: Shop) -> None:
    order_id = shop.place()
    with shop.uow() as slow, shop.uow() as quick:
        bus.dispatch(shop.paying(order_id, "10"), slow)
        bus.dispatch(shop.paying(order_id, "20"), quick)
        quick.commit()
        with pytest.raises(app_errors.ConcurrencyConflict):
            slow.commit()
    assert shop.rows("SELECT paid, version FROM shop.orders") == [(Decimal("20.00"), 2)]
    assert shop.rows("SELECT amount FROM shop.payments") == [(Decimal("20.00"),)]


def test_a_command_that_lost_is_run_again_on_what_is_there_now(shop: Shop) -> None:
    order_id = shop.place()
    others: list[Command] = [shop.paying(order_id, "20")]
    bus.handle(shop.paying(order_id, "10"), lambda: Interrupted(shop, others))
    assert shop.rows("SELECT paid, status, version FROM shop.orders") == [(Decimal("30.00"), "paid", 3)]


def test_what_the_winner_did_can_make_the_loser_break_a_rule(shop: Shop) -> None:
    order_id = shop.place()
    others: list[Command] = [CancelOrder(at=AT, order_id=order_id, refund_id=ids.new_id())]
    with pytest.raises(errors.OrderNotOpen):
        bus.handle(shop.paying(order_id, "10"), lambda: Interrupted(shop, others))
    assert shop.rows("SELECT count(*) FROM shop.payments") == [(0,)]


def test_a_command_that_always_loses_ends_in_a_named_conflict(shop: Shop) -> None:
    others: list[Command] = [
        ChangePrice(at=AT, product_id=shop.tea, unit_price=eur(f"{n}.00")) for n in range(1, bus.ATTEMPTS + 1)
    ]
    with pytest.raises(app_errors.ConcurrencyConflict):
        bus.handle(RenameProduct(at=AT, product_id=shop.tea, name="Loser"), lambda: Interrupted(shop, others))
    assert others == []
    assert shop.rows("SELECT name, unit_price FROM shop.products WHERE id = %s", shop.tea) == [
        ("Tea", Decimal(f"{bus.ATTEMPTS}.00"))
    ]


def test_a_batch_that_lost_is_run_again_whole(shop: Shop) -> None:
    order_id, new = shop.place(), shop.placing()
    others: list[Command] = [shop.paying(order_id, "20")]
    refusals = bus.handle_batch([new, shop.paying(order_id, "30")], lambda: Interrupted(shop, others))
    assert [one.error.name for one in refusals] == ["overpayment"]
    assert shop.rows("SELECT number, paid FROM shop.orders ORDER BY number") == [
        ("N-1", Decimal("20.00")),
        ("N-2", Decimal("0.00")),
    ]


def test_a_line_removed_meanwhile_is_a_conflict_even_if_the_head_stays_the_same(shop: Shop) -> None:
    order_id = shop.place()
    with shop.uow() as slow:
        slow.preload(Keys(orders={order_id}))
        shop.handle(RemoveItem(at=AT, order_id=order_id, line_no=2))
        slow.orders.get(order_id).pay(ids.new_id(), eur("30"), method="card", at=AT)
        with pytest.raises(app_errors.ConcurrencyConflict):
            slow.commit()
    assert shop.rows("SELECT total, paid FROM shop.orders") == [(Decimal("20.00"), Decimal("0.00"))]


def test_many_payments_at_once_lose_nothing_and_double_nothing(shop: Shop) -> None:
    order_id = shop.place()
    start = threading.Barrier(4)

    def pay(_: int) -> int:
        start.wait(timeout=60)
        done = 0
        for _ in range(5):
            try:
                bus.handle(shop.paying(order_id, "1"), shop.uow)
                done += 1
            except app_errors.ConcurrencyConflict:
                pass
        return done

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(pay, range(4)))
    assert done > 0
    assert shop.rows("SELECT paid, version FROM shop.orders") == [(Decimal(done), done + 1)]
    assert shop.rows("SELECT sum(amount), count(*) FROM shop.payments") == [(Decimal(done), done)]


def test_an_order_is_shipped_once_however_many_try(shop: Shop) -> None:
    order_id = shop.place()
    shop.handle(shop.paying(order_id, "30"))
    start = threading.Barrier(4)

    def ship(_: int) -> str:
        start.wait(timeout=60)
        try:
            bus.handle(ShipOrder(at=AT, order_id=order_id), shop.uow)
        except errors.OrderNotPaid as refused:
            return refused.name
        return "shipped"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ship, range(4))) == ["order_not_paid"] * 3 + ["shipped"]
    assert shop.rows("SELECT status, version FROM shop.orders") == [("shipped", 3)]


def test_of_two_that_take_one_sku_at_once_one_is_refused(shop: Shop) -> None:
    start = threading.Barrier(2)

    def create(_: int) -> str:
        command = CreateProduct(at=AT, product_id=ids.new_id(), sku="NEW", name="New", unit_price=eur("1"))
        start.wait(timeout=60)
        try:
            bus.handle(command, shop.uow)
        except errors.SkuTaken as refused:
            return refused.name
        return "created"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(create, range(2))) == ["created", "sku_taken"]


def test_rows_are_changed_in_the_order_of_their_ids_however_they_were_read(shop: Shop) -> None:
    low, high = sorted([shop.tea, shop.cup])
    with psycopg.connect(shop.url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("SELECT FROM shop.products WHERE id = %s FOR UPDATE", (low,))

        def rename() -> None:
            with shop.uow() as uow:
                for product_id in (high, low):
                    uow.products.get(product_id).rename("New")
                uow.commit()

        done = pool.submit(rename)
        deadline = time.monotonic() + 60
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while shop.rows(query) == [(0,)] and time.monotonic() < deadline:
            time.sleep(0.01)
        free = shop.rows("SELECT id FROM shop.products FOR UPDATE SKIP LOCKED")
        holder.rollback()
        done.result(timeout=60)
    assert free == [(high,)]


def test_batches_that_change_the_same_rows_in_different_order_do_not_deadlock(shop: Shop) -> None:
    products = [shop.tea, shop.cup]
    start = threading.Barrier(2)

    def rename(turn: int) -> None:
        for n in range(10):
            commands = [RenameProduct(at=AT, product_id=one, name=f"{turn} {n}") for one in products[:: (1, -1)[turn]]]
            start.wait(timeout=60)
            assert bus.handle_batch(commands, shop.uow) == []

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(rename, range(2)))
    assert shop.rows("SELECT version FROM shop.products") == [(21,), (21,)]
    assert len(shop.rows("SELECT DISTINCT name FROM shop.products")) == 1, "one batch's names, not some of each"
