"""How a report's file is read, and its parameters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app import errors
from app.charts.chart import Chart
from app.queries import parameters, report_file, reports

TODAY = date(2024, 2, 29)
HEAD = "-- title: A title\n-- description: What it says: this.\n"


def test_a_file_is_a_report_by_being_there(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text(HEAD + "-- param: from date = none | first day\n\nSELECT $from;\n")
    (tmp_path / "_shared.sql").write_text("WITH one AS (SELECT 1)")
    (tmp_path / "notes.txt").write_text("no report")
    found = reports.found_in(tmp_path)
    assert list(found.reports) == ["mine"]
    mine = found.get("mine")
    assert mine.title == "A title"
    assert mine.description == "What it says: this."
    assert mine.parameters == (parameters.Parameter("from", "date", "none", "first day"),)
    assert mine.sql == "SELECT $from"


def test_an_include_stands_in_front() -> None:
    text = HEAD + "-- include: _b\nSELECT 2"
    report = report_file.parse("a", text, {"_b": "-- why\nWITH one AS (SELECT 1)\n"}, where="a.sql")
    assert report.sql == "-- why\nWITH one AS (SELECT 1)\nSELECT 2"


def test_an_include_below_the_head_stands_in_its_place() -> None:
    text = "WITH a AS (SELECT 1),\n-- include: _b\nSELECT 2"
    assert (
        report_file.parse("a", text, {"_b": "b AS (SELECT 3)"}, where="a.sql").sql.splitlines()[1] == "b AS (SELECT 3)"
    )
    with pytest.raises(errors.BadReport, match="_b"):
        report_file.parse("a", text, {}, where="a.sql")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("SELECT 1", "Open orders"),
        ("\ufeffSELECT 1;", "Open orders"),
        ("-- a remark\n\n-- Why: it was asked for.\nSELECT 1", "Open orders"),
        ("-- title: Orders that are open\n-- a remark\nSELECT 1", "Orders that are open"),
    ],
)
def test_a_head_may_be_left_out_and_remarks_stand_anywhere(text: str, title: str) -> None:
    report = report_file.parse("open_orders", text, {}, where="open_orders.sql")
    assert (report.title, report.parameters, report.chart) == (title, (), None)
    assert report.sql == "SELECT 1"


def test_a_chart_is_read() -> None:
    assert report_file.parse("a", "-- chart: line x=day y=net\nSELECT 1", {}, where="a.sql").chart == Chart(
        "line", "day", ("net",)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- title: only",
        HEAD + "-- title: twice\nSELECT 1",
        HEAD + "-- parm: a date\nSELECT 1",
        HEAD + "-- Titel: a\nSELECT 1",
        HEAD + "-- param: a datum = none\nSELECT $a",
        HEAD + "-- param: a\nSELECT $a",
        HEAD + "-- param: a integer = three\nSELECT $a",
        HEAD + "-- param: a integer >= 3 = 2\nSELECT $a",
        HEAD + "-- param: a integer >= x\nSELECT $a",
        HEAD + "-- param: a text in one, two = three\nSELECT $a",
        HEAD + "-- include: _gone\nSELECT 1",
        HEAD + "-- param: a integer = 3\nSELECT $ab",
    ],
)
def test_a_malformed_file_is_named_and_spoils_only_itself(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.sql").write_text(text)
    (tmp_path / "other.sql").write_text("SELECT 1")
    found = reports.found_in(tmp_path)
    assert list(found.reports) == ["other"]
    with pytest.raises(errors.BadReport, match=r"mine\.sql"):
        found.get("mine")


def test_bytes_that_are_no_text_spoil_only_their_file(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_bytes(b"SELECT '\xff'")
    assert list(reports.found_in(tmp_path).bad) == ["mine"]


def test_a_folder_that_is_not_there_has_no_reports(tmp_path: Path) -> None:
    found = reports.found_in(tmp_path / "none")
    assert not found.reports
    with pytest.raises(errors.UnknownReport) as caught:
        found.get("mine")
    assert "report new" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("declaration", "given", "said"),
    [
        ("a integer >= 1", "0", "at least 1"),
        ("a integer >= 1 <= 5 = 2", "6", "at most 5"),
        ("a decimal <= 0.5", "0.51", "at most 0.5"),
        ("a date >= 2024-01-01", "2023-12-31", "at least 2024-01-01"),
        ("a text in open, paid = open | which", "gone", "open, paid"),
    ],
)
def test_a_value_beyond_its_limits_is_refused_with_them(declaration: str, given: str, said: str) -> None:
    declared = parameters.parse(declaration, where="a.sql")
    with pytest.raises(errors.BadParameter) as caught:
        parameters.values([declared], {"a": given}, TODAY)
    assert said in str(caught.value.hint)


@pytest.mark.parametrize(
    ("declaration", "given"),
    [
        ("a integer >= 1", "1"),
        ("a integer >= 1 <= 5 = 2", "5"),
        ("a text in open, paid = open | which", "paid"),
        ("a date >= 2024-01-01 = none", "none"),
    ],
)
def test_a_value_at_its_limit_is_taken(declaration: str, given: str) -> None:
    assert "a" in parameters.values([parameters.parse(declaration, where="a.sql")], {"a": given}, TODAY)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    declared = [parameters.parse(f"{name} date = none", where="a.sql") for name in ("from", "to")]
    with pytest.raises(errors.BadParameter, match="after"):
        parameters.values(declared, {"from": "2024-01-02", "to": "2024-01-01"}, TODAY)
    assert parameters.values(declared, {"from": "2024-01-02", "to": "2024-01-02"}, TODAY)


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
