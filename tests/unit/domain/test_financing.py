from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import errors, financing, ids, money
from app.domain.financing import Financing
from app.domain.money import Money

AT = datetime(2026, 1, 1, tzinfo=UTC)


def simulate(**changes: Any) -> Financing:
    """1,000.00 EUR over 12 months at 2 % a month, by PRICE, from the last of January."""
    given_: dict[str, Any] = {
        "principal": Money.of(1000, "EUR"),
        "monthly_rate": Decimal("0.02"),
        "instalments": 12,
        "system": "PRICE",
        "first_due_date": date(2026, 1, 31),
        "at": AT,
    }
    return Financing.simulate(ids.new_id(), **{**given_, **changes})


def figures(found: Financing) -> list[tuple[str, str, str, str]]:
    return [
        (str(one.payment.amount), str(one.principal.amount), str(one.interest.amount), str(one.balance.amount))
        for one in found.schedule
    ]


def test_price_has_equal_payments() -> None:
    # 1000 x 0.02 / (1 - 1.02^-12) = 94.5596, as in any table of annuities.
    found = figures(simulate())
    assert found[0] == ("94.56", "74.56", "20.00", "925.44")
    assert {payment for payment, *_ in found[:-1]} == {"94.56"}
    assert found[-1][3] == "0.00"


def test_sac_has_equal_principal_parts_and_falling_interest() -> None:
    found = figures(simulate(system="SAC", principal=Money.of(1200, "EUR")))
    assert found[0] == ("124.00", "100.00", "24.00", "1100.00")
    assert found[1] == ("122.00", "100.00", "22.00", "1000.00")
    assert found[-1] == ("102.00", "100.00", "2.00", "0.00")


@pytest.mark.parametrize("system", ["PRICE", "SAC"])
def test_at_rate_zero_only_the_principal_is_paid(system: str) -> None:
    found = simulate(system=system, monthly_rate=Decimal(0), instalments=3, principal=Money.of(100, "EUR"))
    assert [payment for payment, *_ in figures(found)] == ["33.33", "33.33", "33.34"]
    assert not any(one.interest for one in found.schedule)


def test_a_month_end_stays_a_month_end_and_does_not_creep() -> None:
    due = [one.due_date for one in simulate(instalments=4).schedule]
    assert due == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert simulate(first_due_date=date(2028, 1, 31)).schedule[1].due_date == date(2028, 2, 29)
    assert simulate(first_due_date=date(2026, 12, 31)).schedule[2].due_date == date(2027, 2, 28)


def test_a_currency_without_cents_is_paid_in_whole_units() -> None:
    found = simulate(principal=Money.of(1000, "JPY"), instalments=7)
    assert all(one.payment.amount == one.payment.amount.to_integral_value() for one in found.schedule)


@settings(max_examples=150, deadline=None)
@given(
    cents=st.integers(1, 10**9),
    rate=st.decimals(0, 1, places=6),
    count=st.integers(1, 120),
    system=st.sampled_from(["PRICE", "SAC"]),
)
def test_principal_parts_add_up_to_the_cent(cents: int, rate: Decimal, count: int, system: str) -> None:
    principal = Money.of(Decimal(cents) / 100, "EUR")
    found = simulate(principal=principal, monthly_rate=rate, instalments=count, system=system)
    balance = principal
    for one in found.schedule:
        assert one.interest == balance * rate
        assert one.payment == one.principal + one.interest
        balance = balance - one.principal
        assert one.balance == balance
        assert one.principal.amount >= 0
    assert not balance
    assert money.total((one.principal for one in found.schedule), "EUR") == principal
    assert [one.number for one in found.schedule] == list(range(1, count + 1))


@given(first=st.dates(date(1990, 1, 1), date(2100, 1, 1)), months=st.integers(0, 240))
def test_a_due_date_is_the_same_day_of_its_month_or_its_last(first: date, months: int) -> None:
    due = financing.due_date(first, months)
    assert (due.year * 12 + due.month) - (first.year * 12 + first.month) == months
    assert due.day == first.day or (due.day < first.day and date.fromordinal(due.toordinal() + 1).day == 1)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"principal": Money.of(0, "EUR")}, errors.InvalidPrincipal),
        ({"principal": Decimal(1)}, errors.InvalidPrincipal),
        ({"monthly_rate": Decimal("-0.01")}, errors.InvalidRate),
        ({"monthly_rate": Decimal("1.01")}, errors.InvalidRate),
        ({"monthly_rate": Decimal("NaN")}, errors.InvalidRate),
        ({"monthly_rate": Decimal("0.0000001")}, errors.InvalidRate),
        ({"monthly_rate": 0.02}, errors.InvalidRate),
        ({"instalments": 0}, errors.InvalidInstalments),
        ({"instalments": 1201}, errors.InvalidInstalments),
        ({"instalments": 2.0}, errors.InvalidInstalments),
        ({"system": "price"}, errors.UnknownSystem),
        ({"first_due_date": AT}, errors.InvalidDueDate),
        ({"first_due_date": date(9999, 12, 1)}, errors.InvalidDueDate),
    ],
)
def test_what_can_not_be_financed_is_refused(changes: dict[str, Any], broken: type[errors.DomainError]) -> None:
    with pytest.raises(broken):
        simulate(**changes)
