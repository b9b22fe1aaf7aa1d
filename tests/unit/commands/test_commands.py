from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app import errors as app_errors
from app.commands import bus
from app.commands.command import Command
from app.commands.customer import ChangeAddress, RegisterCustomer
from app.commands.financing import SimulateFinancing
from app.commands.order import AddItem, OrderLine, PlaceOrder, ReturnItems, ShipOrder
from app.commands.payment import ProcessPayment
from app.commands.product import ChangePrice, CreateProduct, RenameProduct
from app.domain import errors, ids
from app.domain.customer import Address
from app.domain.money import Money
from app.ports import Keys
from tests.support.shop import AT, eur

ONE = ids.new_id()


@pytest.mark.parametrize(
    ("build", "broken"),
    [
        (lambda: ShipOrder(order_id=ONE, at=datetime(2026, 1, 1)), errors.InvalidTime),
        (lambda: ShipOrder(order_id=str(ONE), at=AT), errors.InvalidId),  # type: ignore[arg-type]
        (lambda: ReturnItems(order_id=1, return_id=ONE, line_no=1, quantity=1, at=AT), errors.InvalidId),  # type: ignore[arg-type]
        (lambda: ReturnItems(order_id=ONE, return_id=ONE, line_no=1, quantity=0, at=AT), errors.InvalidQuantity),
        (lambda: OrderLine(ONE, 0), errors.InvalidQuantity),
        (lambda: OrderLine(ONE, 1, eur("0")), errors.InvalidPrice),
        (lambda: PlaceOrder(order_id=ONE, number="1", customer_id=ONE, items=(), at=AT), errors.OrderWithoutItems),
        (
            lambda: PlaceOrder(order_id=ONE, number=" ", customer_id=ONE, items=(OrderLine(ONE, 1),), at=AT),
            errors.InvalidText,
        ),
        (lambda: CreateProduct(product_id=ONE, sku="", name="x", unit_price=eur("1"), at=AT), errors.InvalidText),
        (lambda: CreateProduct(product_id=ONE, sku="x", name="", unit_price=eur("1"), at=AT), errors.InvalidText),
        (lambda: ChangePrice(product_id=ONE, unit_price=eur("0"), at=AT), errors.InvalidPrice),
        (lambda: RenameProduct(product_id=ONE, name="", at=AT), errors.InvalidText),
        (
            lambda: RegisterCustomer(customer_id=ONE, reference="", name="x", address=Address(country="x"), at=AT),
            errors.InvalidText,
        ),
        (
            lambda: ProcessPayment(payment_id=ONE, order_id=ONE, amount=eur("0"), method="card", at=AT),
            errors.InvalidPayment,
        ),
        (
            lambda: SimulateFinancing(
                financing_id=ONE,
                principal=eur("1"),
                monthly_rate=Decimal(2),
                instalments=1,
                system="PRICE",
                first_due_date=date(2026, 1, 1),
                at=AT,
            ),
            errors.InvalidRate,
        ),
    ],
)
def test_a_command_is_checked_when_it_is_built(build: Any, broken: type[errors.DomainError]) -> None:
    with pytest.raises(broken):
        build()


def test_a_command_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        ShipOrder(order_id=ONE, at=AT).order_id = ids.new_id()  # type: ignore[misc]


def test_a_command_names_what_it_will_ask_for() -> None:
    keys, order_id, customer_id, product_id = Keys(), ids.new_id(), ids.new_id(), ids.new_id()
    line = OrderLine(product_id, 1)
    PlaceOrder(order_id=order_id, number="1", customer_id=customer_id, items=(line,), at=AT).collect_keys(keys)
    assert keys == Keys(products={product_id}, customers={customer_id}, orders={order_id})
    AddItem(order_id=ONE, item=OrderLine(ONE, 1), at=AT).collect_keys(keys)
    assert ONE in keys.products & keys.orders
    ChangeAddress(customer_id=ONE, address=Address(country="Spain"), at=AT).collect_keys(keys)
    assert ONE in keys.customers


def test_every_command_has_a_handler_and_one_without_is_a_bug() -> None:
    def concrete(kind: type[Command]) -> set[type[Command]]:
        below = set().union(*(concrete(child) for child in kind.__subclasses__()))
        return below if kind.__name__.startswith("_") or kind is Command else below | {kind}

    names = {kind.__name__ for kind in concrete(Command)}
    assert names == {kind.__name__ for kind in bus.HANDLERS}
    with pytest.raises(app_errors.Bug):
        bus.dispatch(Command(at=AT), None)  # type: ignore[arg-type]


def test_an_agreed_price_is_money() -> None:
    with pytest.raises(errors.InvalidPrice):
        OrderLine(ONE, 1, Decimal(1))  # type: ignore[arg-type]
    assert OrderLine(ONE, 1, Money.of("1.005", "EUR")).unit_price == eur("1.01")
