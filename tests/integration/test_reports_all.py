"""What holds for every report there is."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from app import errors
from app.queries import reports
from app.reporting import store as reporting
from tests.support import reportchecks, shopdata

NAMES = list(reports.shop().reports)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> reporting.Store:
    with reportchecks.opened(tmp_path_factory.mktemp("file"), shopdata.draw(9)) as opened:
        yield opened


@pytest.mark.parametrize("name", NAMES)
def test_a_report_on_empty_tables_is_empty(tmp_path: Path, name: str) -> None:
    with reportchecks.opened(tmp_path, None) as store:
        assert reportchecks.run(store, name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_report_says_how_fresh_it_is_and_keeps_money_exact(store: reporting.Store, name: str) -> None:
    result = reportchecks.result(store, name)
    assert result.as_of == store.as_of
    assert result.rows
    money = re.compile(
        "gross|net|returned$|returned_amount|paid$|owed|total|moving_average|refunded|payment$|principal_due"
    )
    counts = {("returns_rate", "returned")}
    for column, value in zip(result.columns, result.rows[0], strict=True):
        if money.search(column) and (name, column) not in counts:
            assert isinstance(value, Decimal), column
            assert "currency" in result.columns


@pytest.mark.parametrize("name", NAMES)
def test_a_report_gives_the_same_rows_in_the_same_order_each_time(store: reporting.Store, name: str) -> None:
    assert reportchecks.run(store, name) == reportchecks.run(store, name)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_explained_and_used(name: str) -> None:
    report = reports.shop().get(name)
    for parameter in report.parameters:
        assert parameter.help
        assert re.search(rf"\${parameter.name}\b", report.sql)


def test_a_value_is_bound_and_never_becomes_sql(store: reporting.Store) -> None:
    assert reportchecks.run(store, "rfm_customers", segment="x' OR '1'='1") == []


def test_an_unknown_report_names_the_nearest() -> None:
    with pytest.raises(errors.UnknownReport) as caught:
        reports.shop().get("sales_montly")
    assert "sales_monthly" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from": "yesterday"}, ["from", "'yesterday'", "date"]),
        ({"from": "2023-02-29"}, ["from", "'2023-02-29'", "date"]),
        ({"months": "three"}, ["months", "'three'", "integer"]),
        ({"months": "99999999999"}, ["months", "integer"]),
        ({"timezone": "Mars/Olympus"}, ["timezone", "'Mars/Olympus'"]),
        ({"timezone": "../../etc/passwd"}, ["timezone"]),
        ({"month": "3"}, ["'month'"]),
        ({"months": "0"}, ["months", "'0'", "too small"]),
        ({"from": "2024-02-01", "to": "2024-01-31"}, ["from = 2024-02-01", "to = 2024-01-31"]),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value_and_type(
    store: reporting.Store, given: dict[str, str], said: list[str]
) -> None:
    with pytest.raises(errors.BadParameter) as caught:
        reportchecks.run(store, "sales_monthly", **given)
    assert all(part in caught.value.message for part in said)
    assert caught.value.hint


def test_a_width_beyond_the_data_is_no_error(store: reporting.Store) -> None:
    assert reportchecks.run(store, "sales_monthly", months=2147483647)
