from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain import errors, ids, order
from app.domain.money import Money
from app.domain.order import Order, Wanted
from app.domain.product import Product
from app.domain.quantity import Quantity

AT = datetime(2026, 3, 31, tzinfo=UTC)


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def product(price: str = "10.00", currency: str = "EUR") -> Product:
    return Product.create(ids.new_id(), sku="TEA", name="Tea", unit_price=Money.of(price, currency))


def wanted(quantity: int = 2, agreed: str | None = None, of: Product | None = None) -> Wanted:
    return Wanted(of or product(), Quantity(quantity), eur(agreed) if agreed else None)


def placed(*lines: Wanted) -> Order:
    """Without lines given: two of 20.00 EUR each."""
    found = lines or (wanted(), wanted())
    return Order.place(ids.new_id(), number="N-1", customer_id=ids.new_id(), wanted=found, at=AT)


def pay(found: Order, amount: str) -> Order:
    found.pay(ids.new_id(), eur(amount), method="card", at=AT)
    return found


def shipped() -> Order:
    found = pay(placed(), "40")
    found.ship(at=AT)
    return found


def cancelled() -> Order:
    found = placed()
    found.cancel(refund_id=ids.new_id(), at=AT)
    return found


def test_a_price_is_captured_when_the_order_is_placed() -> None:
    tea = product("10.00")
    found = placed(wanted(3, of=tea))
    tea.change_price(eur("99"))
    assert found.items[1].unit_price == eur("10.00")
    assert found.total == found.items[1].line_total == eur("30.00")


def test_an_agreed_price_wins_over_the_products_own() -> None:
    assert placed(wanted(3, "1.99")).total == eur("5.97")


def test_an_order_without_items_is_refused() -> None:
    with pytest.raises(errors.OrderWithoutItems):
        Order.place(ids.new_id(), number="N-1", customer_id=ids.new_id(), wanted=[], at=AT)


def test_a_discontinued_product_can_not_be_ordered_or_added() -> None:
    gone = product()
    gone.discontinue()
    with pytest.raises(errors.ProductDiscontinued):
        placed(wanted(of=gone))
    with pytest.raises(errors.ProductDiscontinued):
        placed().add_item(wanted(of=gone))


def test_an_order_has_one_currency() -> None:
    with pytest.raises(errors.CurrencyMismatch):
        placed(wanted(), wanted(of=product("1", "USD")))
    with pytest.raises(errors.CurrencyMismatch):
        placed().add_item(wanted(of=product("1", "USD")))


def test_items_come_and_go_while_the_order_is_open() -> None:
    found = placed()
    found.add_item(wanted(1))
    assert (sorted(found.items), found.total) == ([1, 2, 3], eur("50.00"))
    found.remove_item(2, at=AT)
    assert (sorted(found.items), found.total) == ([1, 3], eur("30.00"))


def test_a_line_number_names_one_line() -> None:
    found = placed()
    with pytest.raises(errors.ItemExists):
        found.add_item(wanted(), line_no=2)
    found.add_item(wanted(), line_no=7)
    assert 7 in found.items


def test_part_payments_add_up_and_the_last_one_makes_the_order_paid() -> None:
    found = pay(placed(), "15.50")
    assert (found.status, found.owed) == ("open", eur("24.50"))
    pay(found, "24.50")
    assert (found.status, found.paid, found.paid_at) == ("paid", eur("40"), AT)


def test_removing_down_to_what_was_paid_makes_the_order_paid() -> None:
    found = pay(placed(), "20")
    found.remove_item(1, at=AT)
    assert (found.status, found.paid_at) == ("paid", AT)


def test_an_order_is_shipped_when_paid_in_full() -> None:
    found = shipped()
    assert (found.status, found.shipped_at) == ("shipped", AT)


@pytest.mark.parametrize("paid", ["15.50", "40"])
def test_cancelling_pays_back_what_came_in(paid: str) -> None:
    found = pay(placed(), paid)
    found.cancel(refund_id=ids.new_id(), at=AT)
    assert (found.status, found.paid, found.cancelled_at) == ("cancelled", eur("0"), AT)
    assert [(made.kind, made.amount) for made in found.payments] == [("payment", eur(paid)), ("refund", eur(paid))]


def test_cancelling_an_unpaid_order_refunds_nothing() -> None:
    assert cancelled().payments == []


def test_pieces_come_back_at_the_price_they_were_sold_for() -> None:
    found = shipped()
    found.return_items(ids.new_id(), 1, 1, at=AT, reference=" C536379 ")
    assert found.items[1].returned_quantity == 1
    assert (found.returns[0].amount, found.returns[0].reference) == (eur("10.00"), "C536379")
    found.return_items(ids.new_id(), 1, 1, at=AT)
    with pytest.raises(errors.ReturnExceedsSold):
        found.return_items(ids.new_id(), 1, 1, at=AT)


def test_a_payment_or_return_with_a_known_id_is_refused_and_not_doubled() -> None:
    found, payment_id, return_id = placed(), ids.new_id(), ids.new_id()
    found.pay(payment_id, eur("40"), method="card", at=AT)
    with pytest.raises(errors.PaymentExists):
        found.pay(payment_id, eur("40"), method="card", at=AT)
    found.ship(at=AT)
    found.return_items(return_id, 1, 1, at=AT)
    with pytest.raises(errors.ReturnExists):
        found.return_items(return_id, 1, 1, at=AT)
    assert (found.paid, found.items[1].returned_quantity) == (eur("40"), 1)


REFUSED: list[tuple[Callable[[], Order], Callable[[Order], Any], type[errors.DomainError]]] = [
    (placed, lambda o: o.ship(at=AT), errors.OrderNotPaid),
    (shipped, lambda o: o.ship(at=AT), errors.OrderNotPaid),
    (cancelled, lambda o: o.ship(at=AT), errors.OrderNotPaid),
    (placed, lambda o: pay(o, "40.01"), errors.Overpayment),
    (placed, lambda o: pay(o, "0"), errors.InvalidPayment),
    (placed, lambda o: pay(o, "-1"), errors.InvalidPayment),
    (placed, lambda o: o.pay(ids.new_id(), Money.of(1, "USD"), method="card", at=AT), errors.CurrencyMismatch),
    (placed, lambda o: o.pay(ids.new_id(), eur("1"), method=" ", at=AT), errors.InvalidText),
    (placed, lambda o: o.pay(ids.new_id(), eur("1"), method="card", at=AT.replace(tzinfo=None)), errors.InvalidTime),
    (cancelled, lambda o: pay(o, "1"), errors.OrderNotOpen),
    (lambda: pay(placed(), "40"), lambda o: o.add_item(wanted()), errors.OrderNotOpen),
    (lambda: pay(placed(), "40"), lambda o: o.remove_item(1, at=AT), errors.OrderNotOpen),
    (shipped, lambda o: o.add_item(wanted()), errors.OrderNotOpen),
    (placed, lambda o: o.add_item(wanted(), line_no=0), errors.InvalidLineNumber),
    (placed, lambda o: o.add_item(Wanted(product("9999999999.99"), Quantity(100))), errors.AmountTooLarge),
    (placed, lambda o: o.remove_item(3, at=AT), errors.ItemNotFound),
    (lambda: placed(wanted()), lambda o: o.remove_item(1, at=AT), errors.OrderWithoutItems),
    (lambda: pay(placed(), "30"), lambda o: o.remove_item(1, at=AT), errors.TotalBelowPaid),
    (shipped, lambda o: o.cancel(refund_id=ids.new_id(), at=AT), errors.OrderNotCancellable),
    (cancelled, lambda o: o.cancel(refund_id=ids.new_id(), at=AT), errors.OrderNotCancellable),
    (placed, lambda o: o.return_items(ids.new_id(), 1, 1, at=AT), errors.OrderNotShipped),
    (shipped, lambda o: o.return_items(ids.new_id(), 1, 3, at=AT), errors.ReturnExceedsSold),
    (shipped, lambda o: o.return_items(ids.new_id(), 1, 0, at=AT), errors.InvalidQuantity),
    (shipped, lambda o: o.return_items(ids.new_id(), 9, 1, at=AT), errors.ItemNotFound),
]


@pytest.mark.parametrize(("make", "act", "broken"), REFUSED)
def test_a_refused_act_leaves_the_order_as_it_was(
    make: Callable[[], Order], act: Callable[[Order], Any], broken: type[errors.DomainError]
) -> None:
    found = make()
    before = copy.deepcopy(found)
    with pytest.raises(broken):
        act(found)
    assert found == before


def test_every_status_of_an_order_is_one_the_tests_reach() -> None:
    reached = {placed().status, pay(placed(), "40").status, shipped().status, cancelled().status}
    assert reached == {order.OPEN, order.PAID, order.SHIPPED, order.CANCELLED}
