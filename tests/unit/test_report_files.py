"""How a report's file is read, and its parameters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app import errors
from app.queries import parameters, reports

TODAY = date(2024, 2, 29)
HEAD = "-- title: A title\n-- description: What it says: this.\n"


def test_a_file_is_a_report_by_being_there(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text(HEAD + "-- param: from date = none | first day\n\nSELECT $from;\n")
    (tmp_path / "_shared.sql").write_text("WITH one AS (SELECT 1)")
    (tmp_path / "notes.txt").write_text("no report")
    found = reports.found_in(tmp_path)
    assert list(found) == ["mine"]
    assert found["mine"].title == "A title"
    assert found["mine"].description == "What it says: this."
    assert found["mine"].parameters == (parameters.Parameter("from", "date", "none", "first day"),)
    assert found["mine"].sql == "SELECT $from"


def test_an_include_stands_in_front() -> None:
    report = reports.parse("a", HEAD + "-- include: _b\nSELECT 2", {"_b": "-- why\nWITH one AS (SELECT 1)\n"})
    assert report.sql == "-- why\nWITH one AS (SELECT 1)\nSELECT 2"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "-- title: only\nSELECT 1",
        HEAD + "-- title: twice\nSELECT 1",
        HEAD,
        HEAD + "-- parm: a date\nSELECT 1",
        HEAD + "-- a remark\nSELECT 1",
        HEAD + "-- param: a datum = none\nSELECT $a",
        HEAD + "-- param: a\nSELECT $a",
        HEAD + "-- include: _gone\nSELECT 1",
    ],
)
def test_a_malformed_file_is_a_bug_that_names_it(text: str) -> None:
    with pytest.raises(errors.Bug, match=r"sql/reports/mine\.sql"):
        reports.parse("mine", text, {})


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ("a date = 2010-01-01 | day", None, date(2010, 1, 1)),
        ("a date = today", None, TODAY),
        ("a date = none", None, None),
        ("a date = none", "today", TODAY),
        ("a date", "2024-02-29", date(2024, 2, 29)),
        ("a integer = 3", None, 3),
        ("a integer = 3", " -7 ", -7),
        ("a integer = none", "none", None),
        ("a decimal = 0.05", None, Decimal("0.05")),
        ("a decimal", "1e2", Decimal(100)),
        ("a text = none", None, None),
        ("a text = none", "x=y", "x=y"),
        ("a text = EUR", "none", "none"),
        ("a text =", None, ""),
        ("a boolean = false", "Yes", True),
        ("a boolean = false", None, False),
        ("a timezone = UTC", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_parameter_has_the_value_given_or_its_default(
    declaration: str, given: str | None, value: parameters.Value
) -> None:
    declared = [parameters.parse(declaration, where="x")]
    found = parameters.values(declared, {} if given is None else {"a": given}, TODAY)
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    ("declaration", "given"),
    [
        ("a date", "29.02.2024"),
        ("a date = 2010-01-01", "none"),
        ("a date", ""),
        ("a integer", "1.5"),
        ("a integer", "2147483648"),
        ("a integer", ""),
        ("a decimal", "NaN"),
        ("a decimal", "Infinity"),
        ("a decimal", "a"),
        ("a boolean", "maybe"),
        ("a timezone", "Moon"),
        ("a timezone", ""),
        ("a timezone", "/etc/localtime"),
        ("a timezone", "UTC\0"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_is_expected(declaration: str, given: str) -> None:
    declared = [parameters.parse(declaration, where="x")]
    with pytest.raises(errors.BadParameter) as caught:
        parameters.values(declared, {"a": given}, TODAY)
    assert "parameter a" in caught.value.message
    assert repr(given) in caught.value.message
    assert declared[0].type in caught.value.message
    assert "write it like" in str(caught.value.hint)


def test_a_parameter_without_a_default_must_be_given() -> None:
    with pytest.raises(errors.BadParameter, match="a must be given"):
        parameters.values([parameters.parse("a date | the day", where="x")], {}, TODAY)


def test_an_unknown_parameter_is_answered_with_the_known_ones() -> None:
    declared = [parameters.parse("from date = none", where="x"), parameters.parse("to date = none", where="x")]
    with pytest.raises(errors.BadParameter, match="'form'") as caught:
        parameters.values(declared, {"form": "x"}, TODAY)
    assert "from, to" in str(caught.value.hint)
