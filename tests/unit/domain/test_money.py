from __future__ import annotations

import decimal
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import errors, money
from app.domain.money import Money

amounts = st.decimals(-100_000_000, 100_000_000, places=2)
factors = st.integers(-1000, 1000)


def eur(amount: Any) -> Money:
    return Money.of(amount, "EUR")


@pytest.mark.parametrize(
    ("given_", "kept"),
    [("1.004", "1.00"), ("1.005", "1.01"), ("-1.005", "-1.01"), ("2.675", "2.68"), (7, "7.00"), ("1e-9", "0.00")],
)
def test_amounts_are_rounded_half_up_to_cents(given_: str | int, kept: str) -> None:
    assert str(eur(given_).amount) == kept


def test_a_currency_without_cents_is_rounded_to_whole_units() -> None:
    assert str(Money.of("99.5", "JPY").amount) == "100"


def test_rounding_to_nothing_leaves_no_minus_sign() -> None:
    assert str(eur("-0.001").amount) == "0.00"


@pytest.mark.parametrize("value", [1.5, float("nan"), True, None, "abc", "NaN", Decimal("Infinity"), b"1", ""])
def test_what_is_no_exact_number_is_refused(value: Any) -> None:
    with pytest.raises(errors.InvalidAmount):
        eur(value)


@pytest.mark.parametrize("factor", [1.5, True, "2", None])
def test_money_is_not_multiplied_by_a_float(factor: Any) -> None:
    with pytest.raises(errors.InvalidAmount):
        eur("1") * factor


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "E1R", "ÄÖÜ", "KWD", None])
def test_what_is_no_currency_the_shop_can_keep_is_refused(currency: Any) -> None:
    with pytest.raises(errors.InvalidCurrency):
        Money.of(1, currency)


def test_currencies_do_not_mix() -> None:
    one, other = eur(1), Money.of(1, "USD")
    for mix in (lambda: one + other, lambda: one - other, lambda: one < other, lambda: one >= other):
        with pytest.raises(errors.CurrencyMismatch):
            mix()
    with pytest.raises(errors.CurrencyMismatch):
        money.total([one, other], "EUR")
    assert one != other


@pytest.mark.parametrize("value", ["1000000000000", "1e999999", "-1e15", "999999999999.995"])
def test_an_amount_too_large_for_the_tables_is_refused(value: str) -> None:
    with pytest.raises(errors.AmountTooLarge):
        eur(value)


def test_a_sum_too_large_for_the_tables_is_refused() -> None:
    with pytest.raises(errors.AmountTooLarge):
        eur("999999999999.99") + eur("0.01")
    with pytest.raises(errors.AmountTooLarge):
        eur("999999999999.99") * 2


def test_money_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        eur(1).amount = Decimal(2)  # type: ignore[misc]


def test_a_callers_decimal_settings_change_nothing() -> None:
    with decimal.localcontext(decimal.Context(prec=2, rounding=decimal.ROUND_DOWN)):
        assert eur("123456.785") + eur("0.01") == eur("123456.80")
        assert -eur("123.45") == eur("-123.45")
        assert eur("123.45") * 3 == eur("370.35")


def test_a_price_is_above_zero_and_fits_its_column() -> None:
    with pytest.raises(errors.InvalidPrice):
        money.price(eur("0.004"))
    with pytest.raises(errors.AmountTooLarge):
        money.price(eur("10000000000"))


@given(st.lists(amounts))
def test_a_total_is_exact(values: list[Decimal]) -> None:
    assert money.total([eur(value) for value in values], "EUR").amount == sum(values, Decimal(0))


@given(amounts, amounts, factors)
def test_adding_and_multiplying_agree_with_arithmetic(first: Decimal, second: Decimal, factor: int) -> None:
    assert (eur(first) + eur(second)) * factor == eur(first) * factor + eur(second) * factor
    assert eur(first) - eur(second) == -(eur(second) - eur(first))


@given(amounts, st.decimals(-10, 10, places=6))
def test_a_product_is_rounded_half_up(value: Decimal, factor: Decimal) -> None:
    exact = value * factor
    assert (eur(value) * factor).amount == exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
