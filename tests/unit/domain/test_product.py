from __future__ import annotations

import pytest

from app.domain import errors, ids
from app.domain.customer import Address, Customer
from app.domain.money import Money
from app.domain.product import Product


def tea(**changes: str) -> Product:
    given = {"sku": "TEA", "name": "Tea", **changes}
    return Product.create(ids.new_id(), unit_price=Money.of("1.50", "EUR"), **given)


def test_a_product_is_created_renamed_repriced_and_discontinued() -> None:
    found = tea(sku="  TEA ")
    found.rename("Green tea")
    found.change_price(Money.of("2", "EUR"))
    found.discontinue()
    assert (found.sku, found.name, str(found.unit_price.amount)) == ("TEA", "Green tea", "2.00")
    assert not found.is_active


def test_a_discontinued_product_keeps_its_price_and_is_discontinued_once() -> None:
    found = tea()
    found.discontinue()
    with pytest.raises(errors.ProductDiscontinued):
        found.change_price(Money.of(2, "EUR"))
    with pytest.raises(errors.ProductDiscontinued):
        found.discontinue()


def test_a_price_keeps_its_currency() -> None:
    with pytest.raises(errors.CurrencyMismatch):
        tea().change_price(Money.of(2, "USD"))


@pytest.mark.parametrize("amount", ["0", "-1", "0.004"])
def test_nothing_is_sold_for_nothing(amount: str) -> None:
    with pytest.raises(errors.InvalidPrice):
        tea().change_price(Money.of(amount, "EUR"))


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "\ud800", "x" * 101])
def test_a_text_that_can_not_be_kept_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidText):
        tea(sku=text)


def test_a_customer_is_registered_and_moves() -> None:
    found = Customer.register(ids.new_id(), reference="C-1", name="Ada", address=Address(country="Spain", city=" "))
    assert found.address.city is None
    found.change_address(Address(country="France", city="Paris"))
    assert found.address == Address(country="France", city="Paris")


def test_every_customer_is_in_some_country() -> None:
    with pytest.raises(errors.InvalidText):
        Address(country=" ")


def test_a_broken_rule_has_a_name_and_a_message() -> None:
    broken = errors.OrderWithoutItems()
    assert (broken.name, broken.message) == ("order_without_items", "An order has at least one item.")
