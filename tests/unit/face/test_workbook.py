"""A result as an Excel file, read back from its XML."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app import errors
from app.face import workbook
from app.reporting.result import Result

# An installation may be without the extra.
pytest.importorskip("xlsxwriter")
AS_OF = datetime(2026, 11, 23, 20, 45, 11, tzinfo=UTC)
NS = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def written(folder: Path, types: dict[str, str], *rows: tuple[Any, ...], title: str = "Sales") -> Path:
    path = folder / "out.xlsx"
    workbook.write([Result(tuple(types), tuple(types.values()), list(rows), AS_OF)], path, title)
    return path


def part(path: Path, name: str) -> ET.Element:
    with zipfile.ZipFile(path) as archive:
        return ET.fromstring(archive.read(name))


def cells(path: Path) -> dict[str, tuple[str, str, str]]:
    """Type, content and format of each cell by its place."""
    styles = part(path, "xl/styles.xml")
    codes = {one.get("numFmtId"): one.get("formatCode") for one in styles.iterfind(".//x:numFmt", NS)}
    used = [codes.get(one.get("numFmtId")) or one.get("numFmtId") for one in styles.iterfind("x:cellXfs/x:xf", NS)]
    found = {}
    for cell in part(path, "xl/worksheets/sheet1.xml").iterfind(".//x:c", NS):
        assert cell.find("x:f", NS) is None, "a formula"
        text = "".join(cell.itertext())
        found[str(cell.get("r"))] = (cell.get("t", "n"), text, str(used[int(cell.get("s", 0))]))
    return found


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1", "https://example.org", "007", ""]
)
def test_a_text_stays_a_text_whatever_it_begins_with(tmp_path: Path, text: str) -> None:
    found = cells(written(tmp_path, {text or "name": "VARCHAR"}, (text,)))
    assert found["A2"][:2] == ("inlineStr", text)
    assert found["A1"][:2] == ("inlineStr", text or "name")


def test_numbers_and_times_are_kept_as_such_with_a_format(tmp_path: Path) -> None:
    types = {
        "net": "DECIMAL(14,2)", "orders": "BIGINT", "order_id": "INTEGER", "share": "DOUBLE", "day": "DATE",
        "at": "TIMESTAMP WITH TIME ZONE", "local": "TIMESTAMP", "clock": "TIME", "paid": "BOOLEAN", "none": "INTEGER",
    }  # fmt: skip
    row = (
        Decimal("1234.50"), 1234, 10001, 0.1, date(2026, 1, 1), AS_OF.replace(microsecond=500_000),
        datetime(2026, 1, 1, 12), time(6), True, None,
    )  # fmt: skip
    found = cells(written(tmp_path, types, row))
    assert found["A2"] == ("n", "1234.5", "#,##0.00")
    assert found["B2"][:2] == ("n", "1234") and found["C2"][:2] == ("n", "10001") and found["D2"][:2] == ("n", "0.1")
    assert found["E2"] == ("n", "46023", "yyyy-mm-dd")
    assert found["F2"] == ("n", "46349.86471643519", 'yyyy-mm-dd hh:mm:ss.000 "UTC"')
    assert found["G2"] == ("n", "46023.5", "yyyy-mm-dd hh:mm:ss")
    assert found["H2"] == ("n", "0.25", "hh:mm:ss")
    assert found["I2"][:2] == ("b", "1")
    assert "J2" not in found


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("BIGINT", 1234567890123456789, "1234567890123456789"),
        ("DECIMAL(38,2)", Decimal("12345678901234567890.12"), "12345678901234567890.12"),
        ("DOUBLE", float("nan"), "NaN"),
        ("DATE", date(1899, 12, 31), "1899-12-31"),
        ("DATE", "infinity", "infinity"),
        ("TIMESTAMP WITH TIME ZONE", datetime(1815, 6, 18, tzinfo=UTC), "1815-06-18 00:00:00+00:00"),
        ("INTEGER[]", [1, 2], "[1, 2]"),
        ("BLOB", b"\x00\xff", "00ff"),
        ("VARCHAR", "_x0041_\x07", "_x005F_x0041__x0007_"),
    ],
)
def test_what_excel_could_not_hold_exactly_is_a_text_with_all_its_digits(
    tmp_path: Path, kind: str, value: object, text: str
) -> None:
    assert cells(written(tmp_path, {"a": kind}, (value,)))["A2"][:2] == ("inlineStr", text)


def test_the_head_stays_in_sight_columns_are_wide_enough_and_it_says_as_of_when(tmp_path: Path) -> None:
    path = written(tmp_path, {"a": "VARCHAR", "n": "INTEGER"}, ("x" * 30, 1), title="Sales: [EUR/month] " + "y" * 40)
    sheet = part(path, "xl/worksheets/sheet1.xml")
    pane = sheet.find(".//x:pane", NS)
    assert pane is not None and (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
    assert [
        float(one.get("width", 0)) > width for one, width in zip(sheet.iterfind(".//x:col", NS), (30, 2), strict=True)
    ]
    name = part(path, "xl/workbook.xml").find(".//x:sheet", NS)
    assert (
        name is not None and str(name.get("name")).startswith("Sales   EUR month") and len(str(name.get("name"))) <= 31
    )
    assert "2026-11-23T20:45:11" in "".join(part(path, "docProps/core.xml").itertext())


def test_what_is_too_much_for_excel_is_told_and_not_cut(tmp_path: Path) -> None:
    with pytest.raises(errors.QueryTooBig, match=r"row 2: a is longer than the 32,767"):
        written(tmp_path, {"a": "VARCHAR"}, ("",), ("x" * 32_768,))
    with pytest.raises(errors.QueryTooBig, match="more than a sheet"):
        written(tmp_path, {"a": "INTEGER"}, *[(1,)] * 1_048_576)


def test_rows_may_come_in_batches_the_first_of_which_has_none(tmp_path: Path) -> None:
    result = Result(("a",), ("INTEGER",), [], AS_OF)
    batches = [result, *(replace(result, rows=[(number,), (number + 1,)]) for number in (1, 3))]
    workbook.write(batches, tmp_path / "out.xlsx", "Batches")
    sheet = part(tmp_path / "out.xlsx", "xl/worksheets/sheet1.xml")
    assert [one.text for one in sheet.iterfind(".//x:v", NS)] == ["1", "2", "3", "4"]
    long = replace(result, types=("VARCHAR",), rows=[("x" * 32_768,)])
    with pytest.raises(errors.QueryTooBig, match="row 3: a is longer"):
        workbook.write([*batches[:2], long], tmp_path / "out.xlsx", "Batches")


def test_without_its_package_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(errors.MissingExtra, match="xlsxwriter") as caught:
        workbook.installed()
    assert caught.value.hint == "pip install 'neaptide[web]'"
