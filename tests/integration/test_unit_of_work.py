from __future__ import annotations

import traceback
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import event

from app import errors as app_errors
from app.commands import bus
from app.commands.customer import ChangeAddress, RegisterCustomer
from app.commands.financing import SimulateFinancing
from app.commands.order import AddItem, CancelOrder, OrderLine, RemoveItem, ReturnItems, ShipOrder
from app.commands.product import ChangePrice, CreateProduct, DiscontinueProduct, RenameProduct
from app.domain import errors, ids
from app.domain.customer import Address
from app.oltp import engine, tables
from app.oltp.uow import SqlAlchemyUnitOfWork
from app.ports import Keys
from tests.support.shop import AT, Shop, eur, opened


@pytest.fixture
def shop(shop_db: str) -> Iterator[Shop]:
    with opened(shop_db) as found:
        yield found


def test_an_order_is_written_with_its_lines_and_captured_prices(shop: Shop) -> None:
    order_id = shop.place()
    shop.handle(ChangePrice(at=AT, product_id=shop.tea, unit_price=eur("99")))
    assert shop.rows("SELECT number, status, currency, total, paid, placed_at, version FROM shop.orders") == [
        ("N-1", "open", "EUR", Decimal("30.00"), Decimal("0.00"), AT, 1)
    ]
    query = "SELECT line_no, product_id, quantity, unit_price, line_total FROM shop.order_items WHERE order_id = %s"
    assert shop.rows(query, order_id) == [
        (1, shop.tea, 2, Decimal("10.00"), Decimal("20.00")),
        (2, shop.cup, 4, Decimal("2.50"), Decimal("10.00")),
    ]


def test_an_order_goes_through_its_whole_life(shop: Shop) -> None:
    order_id = shop.place()
    shop.handle(
        AddItem(at=AT, order_id=order_id, item=OrderLine(shop.cup, 1, eur("1.00"))),
        RemoveItem(at=AT, order_id=order_id, line_no=2),
        shop.paying(order_id, "6.00"),
        shop.paying(order_id, "15.00"),
        ShipOrder(at=AT, order_id=order_id),
        ReturnItems(at=AT, order_id=order_id, return_id=ids.new_id(), line_no=1, quantity=1, reference="R-1"),
    )
    assert shop.rows("SELECT status, total, paid, paid_at, shipped_at, version FROM shop.orders") == [
        ("shipped", Decimal("21.00"), Decimal("21.00"), AT, AT, 7)
    ]
    assert shop.rows("SELECT line_no, returned_quantity FROM shop.order_items ORDER BY line_no") == [(1, 1), (3, 0)]
    assert shop.rows("SELECT line_no, quantity, amount, reference FROM shop.order_returns") == [
        (1, 1, Decimal("10.00"), "R-1")
    ]
    assert shop.rows("SELECT sum(amount), count(*) FROM shop.payments") == [(Decimal("21.00"), 2)]


def test_a_cancelled_order_has_its_money_back(shop: Shop) -> None:
    order_id = shop.place()
    shop.handle(shop.paying(order_id, "12"), CancelOrder(at=AT, order_id=order_id, refund_id=ids.new_id()))
    assert shop.rows("SELECT status, paid, cancelled_at FROM shop.orders") == [("cancelled", Decimal("0.00"), AT)]
    assert shop.rows("SELECT kind, amount, method FROM shop.payments ORDER BY kind") == [
        ("payment", Decimal("12.00"), "card"),
        ("refund", Decimal("12.00"), "card"),
    ]


def test_products_and_customers_change(shop: Shop) -> None:
    shop.handle(
        RenameProduct(at=AT, product_id=shop.tea, name="Green tea"),
        DiscontinueProduct(at=AT, product_id=shop.tea),
        ChangeAddress(at=AT, customer_id=shop.customer, address=Address(country="France", city="Paris")),
    )
    assert shop.rows("SELECT name, status, version FROM shop.products WHERE id = %s", shop.tea) == [
        ("Green tea", "discontinued", 3)
    ]
    assert shop.rows("SELECT country, city, street, version FROM shop.customers") == [("France", "Paris", None, 2)]


def financing(shop: Shop, **changes: object) -> SimulateFinancing:
    given: dict[str, object] = {
        "financing_id": ids.new_id(),
        "principal": eur("1000"),
        "monthly_rate": Decimal("0.0199"),
        "instalments": 10,
        "system": "PRICE",
        "first_due_date": date(2026, 1, 31),
        "at": AT,
    }
    return SimulateFinancing(**{**given, **changes})  # type: ignore[arg-type]


def test_a_financing_is_written_with_its_schedule_and_read_back(shop: Shop) -> None:
    command = financing(shop, order_id=shop.place())
    shop.handle(command)
    assert shop.rows("SELECT count(*), sum(principal), min(balance) FROM shop.instalments") == [
        (10, Decimal("1000.00"), Decimal("0.00"))
    ]
    with shop.uow() as uow:
        found = uow.financings.get(command.financing_id)
    assert found.schedule[1].due_date == date(2026, 2, 28)
    assert (found.order_id, found.monthly_rate, found.system) == (command.order_id, Decimal("0.0199"), "PRICE")


def test_a_read_aggregate_equals_the_written_one(shop: Shop) -> None:
    order_id = shop.place()
    with shop.uow() as uow:
        order = uow.orders.get(order_id)
        order.pay(ids.new_id(), eur("30"), method="card", at=AT)
        order.ship(at=AT)
        order.return_items(ids.new_id(), 2, 3, at=AT)
        uow.commit()
        with shop.uow() as other:
            assert other.orders.get(order_id) == order
            assert other.orders.get(order_id) is other.orders.get(order_id)


def test_without_commit_nothing_is_written(shop: Shop) -> None:
    with shop.uow() as uow:
        bus.dispatch(shop.placing(), uow)
        uow.flush()
    assert shop.rows("SELECT count(*) FROM shop.orders") == [(0,)]


def test_an_error_within_rolls_back(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError), shop.uow() as uow:
        bus.dispatch(shop.placing(), uow)
        uow.flush()
        raise ZeroDivisionError
    assert shop.rows("SELECT count(*) FROM shop.orders") == [(0,)]


def test_what_did_not_change_is_not_written(shop: Shop) -> None:
    order_id = shop.place()
    before = shop.rows("SELECT updated_at, version, xmin::text FROM shop.orders")
    with shop.uow() as uow:
        uow.preload(Keys(orders={order_id}, products={shop.tea}, customers={shop.customer}))
        uow.commit()
    assert shop.rows("SELECT updated_at, version, xmin::text FROM shop.orders") == before


def test_preloading_reads_all_in_a_few_statements(shop: Shop) -> None:
    orders = {shop.place() for _ in range(20)}
    seen: list[str] = []
    with shop.uow() as uow:
        event.listen(shop.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
        uow.preload(Keys(orders=orders | {ids.new_id()}))
        assert {uow.orders.get(order_id).number for order_id in orders} == {f"N-{n}" for n in range(1, 21)}
    assert len(seen) == 4, "orders, items, payments, returns"


@pytest.mark.parametrize(
    ("missing", "broken"),
    [("order", errors.OrderNotFound), ("customer", errors.CustomerNotFound), ("product", errors.ProductNotFound)],
)
def test_what_does_not_exist_is_named(shop: Shop, missing: str, broken: type[errors.DomainError]) -> None:
    nobody = ids.new_id()
    command = {
        "order": ShipOrder(at=AT, order_id=nobody),
        "customer": shop.placing(customer_id=nobody),
        "product": shop.placing(items=(OrderLine(nobody, 1),)),
    }[missing]
    with pytest.raises(broken, match=str(nobody)):
        shop.handle(command)


def test_the_same_command_again_is_refused_and_doubles_nothing(shop: Shop) -> None:
    placing = shop.placing()
    order_id = placing.order_id
    again = [
        (placing, errors.OrderExists),
        (AddItem(at=AT, order_id=order_id, item=OrderLine(shop.cup, 2), line_no=3), errors.ItemExists),
        (shop.paying(order_id, "35"), errors.PaymentExists),
        (ShipOrder(at=AT, order_id=order_id), errors.OrderNotPaid),
        (ReturnItems(at=AT, order_id=order_id, return_id=ids.new_id(), line_no=1, quantity=1), errors.ReturnExists),
        (CreateProduct(at=AT, product_id=ids.new_id(), sku="X", name="X", unit_price=eur("1")), errors.ProductExists),
        (
            RegisterCustomer(
                at=AT, customer_id=ids.new_id(), reference="C-2", name="Bo", address=Address(country="Peru")
            ),
            errors.CustomerExists,
        ),
        (financing(shop), errors.FinancingExists),
    ]
    for command, broken in again:
        shop.handle(command)
        before = contents(shop)
        with pytest.raises(broken):
            shop.handle(command)
        assert contents(shop) == before
        refusals = bus.handle_batch([command], shop.uow)
        assert [type(one.error) for one in refusals] == [broken]
        assert contents(shop) == before


@pytest.mark.parametrize(("change", "broken"), [("number", errors.OrderNumberTaken), ("sku", errors.SkuTaken)])
def test_a_name_that_is_taken_is_refused(shop: Shop, change: str, broken: type[errors.DomainError]) -> None:
    shop.place(number="N-77")
    taken = {
        "number": shop.placing(number="N-77"),
        "sku": CreateProduct(at=AT, product_id=ids.new_id(), sku="TEA", name="Tea", unit_price=eur("1")),
    }[change]
    with pytest.raises(broken, match="already exists"):
        shop.handle(taken)


def test_a_refused_command_of_a_batch_leaves_no_trace_and_the_others_go_on(shop: Shop) -> None:
    good, bad, later = shop.placing(), shop.placing(customer_id=ids.new_id()), shop.placing()
    refusals = bus.handle_batch([good, bad, shop.paying(good.order_id, "99"), later], shop.uow)
    assert [(one.position, one.error.name) for one in refusals] == [(1, "customer_not_found"), (2, "overpayment")]
    assert shop.rows("SELECT id, paid FROM shop.orders ORDER BY number") == [
        (good.order_id, Decimal("0.00")),
        (later.order_id, Decimal("0.00")),
    ]


def test_a_batch_the_database_refuses_is_run_again_command_by_command(shop: Shop) -> None:
    shop.place(number="TAKEN")
    first, bad, last = shop.placing(), shop.placing(number="TAKEN"), shop.placing()
    payment = shop.paying(first.order_id, "30")
    doubled = shop.paying(last.order_id, "30", payment_id=payment.payment_id)
    refusals = bus.handle_batch([first, bad, payment, ShipOrder(at=AT, order_id=bad.order_id), last, doubled], shop.uow)
    assert [(one.position, one.error.name) for one in refusals] == [
        (1, "order_number_taken"),
        (3, "order_not_found"),
        (5, "payment_exists"),
    ]
    assert shop.rows("SELECT id, status FROM shop.orders WHERE number <> 'TAKEN' ORDER BY number") == [
        (first.order_id, "paid"),
        (last.order_id, "open"),
    ]


def test_later_commands_of_a_batch_see_the_earlier_ones(shop: Shop) -> None:
    command = shop.placing()
    life = [
        command,
        shop.paying(command.order_id, "30"),
        ShipOrder(at=AT, order_id=command.order_id),
        RenameProduct(at=AT, product_id=shop.cup, name="Mug"),
        RenameProduct(at=AT, product_id=shop.cup, name="Big mug"),
    ]
    assert bus.handle_batch(life, shop.uow) == []
    assert shop.rows("SELECT status, version FROM shop.orders") == [("shipped", 1)]
    assert shop.rows("SELECT name, version FROM shop.products WHERE id = %s", shop.cup) == [("Big mug", 2)]


def test_flushing_twice_within_a_unit_of_work_writes_each_change_once(shop: Shop) -> None:
    with shop.uow() as uow:
        command = shop.placing()
        bus.dispatch(command, uow)
        uow.flush()
        bus.dispatch(shop.paying(command.order_id, "10"), uow)
        uow.flush()
        bus.dispatch(AddItem(at=AT, order_id=command.order_id, item=OrderLine(shop.cup, 1)), uow)
        uow.commit()
    assert shop.rows("SELECT total, paid, version FROM shop.orders") == [(Decimal("32.50"), Decimal("10.00"), 3)]
    assert shop.rows("SELECT count(*) FROM shop.order_items") == [(3,)]


def test_a_savepoint_is_undone_alone_also_in_memory(shop: Shop) -> None:
    order_id = shop.place()
    with shop.uow() as uow:
        bus.dispatch(shop.paying(order_id, "5"), uow)
        with pytest.raises(ZeroDivisionError), uow.savepoint():
            bus.dispatch(shop.paying(order_id, "6"), uow)
            uow.flush()
            raise ZeroDivisionError
        assert uow.orders.get(order_id).paid == eur("5")
        uow.commit()
    assert shop.rows("SELECT paid FROM shop.orders") == [(Decimal("5.00"),)]


def test_a_lost_connection_is_named_and_nothing_is_half_written(shop: Shop) -> None:
    with pytest.raises(app_errors.SourceUnavailable), shop.uow() as uow:
        bus.dispatch(shop.placing(), uow)
        uow.flush()
        shop.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'neaptide'")
        uow.commit()
    assert shop.rows("SELECT count(*) FROM shop.orders") == [(0,)]
    shop.place()  # the pool has noticed
    assert shop.rows("SELECT count(*) FROM shop.orders") == [(1,)]


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"password": "wrong/secret"}, app_errors.AccessDenied),
        ({"user": "nobody_known"}, app_errors.AccessDenied),
        ({"port": "1"}, app_errors.SourceUnavailable),
        ({"dbname": "nowhere"}, app_errors.SourceUnavailable),
        ({"port": "secret"}, app_errors.ConfigError),
    ],
)
def test_a_server_that_can_not_be_reached_is_named_without_the_password(
    shop: Shop, changes: dict[str, str], broken: type[app_errors.NeaptideError]
) -> None:
    parts = {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(shop.url).items()} | changes
    user, password = quote(parts["user"], safe=""), quote(parts["password"], safe="")
    url = f"postgresql://{user}:{password}@{parts['host']}:{parts['port']}/{parts['dbname']}"
    created = engine.create(url)
    with pytest.raises(broken) as caught, SqlAlchemyUnitOfWork(created):
        pass
    created.dispose()
    assert caught.value.hint
    shown = "".join(traceback.format_exception(caught.value))
    assert parts["password"] not in shown
    assert password not in shown


@pytest.mark.parametrize("place", ["user:{}@127.0.0.1:1/db", "user@127.0.0.1:1/db?password={}"])
def test_a_malformed_url_is_refused_without_its_password(place: str) -> None:
    # libpq quotes the piece it can't read, here the password with its broken escape.
    url = "postgresql://" + place.format("sec%ZZret")
    with pytest.raises(app_errors.ConfigError) as caught:
        engine.connect(url)
    assert "ZZret" not in "".join(traceback.format_exception(caught.value))


def test_a_database_without_the_shop_names_the_next_step(empty_db: str) -> None:
    created = engine.create(empty_db)
    with pytest.raises(app_errors.MissingTable) as caught, SqlAlchemyUnitOfWork(created) as uow:
        bus.dispatch(ShipOrder(at=AT, order_id=ids.new_id()), uow)
    created.dispose()
    assert "db migrate" in str(caught.value.hint)


def contents(shop: Shop) -> list[list[tuple[object, ...]]]:
    return [shop.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables.metadata.tables]
