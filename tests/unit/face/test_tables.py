"""Results as text."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich import cells

from app.face import tables, terminal, values
from app.reporting.result import Result

AS_OF = datetime(2026, 11, 23, 20, 45, 11, tzinfo=UTC)


def _result(types: dict[str, str], *rows: tuple[Any, ...]) -> Result:
    return Result(tuple(types), tuple(types.values()), list(rows), AS_OF)


MONEY = _result(
    {"month": "DATE", "currency": "VARCHAR", "orders": "BIGINT", "net": "DECIMAL(38,2)", "order_id": "INTEGER"},
    (date(2026, 1, 1), "EUR", 1234, Decimal("1234567.50"), 10001),
    (date(2026, 2, 1), "EUR", 0, Decimal("-0.05"), 7),
    (date(2026, 3, 1), None, None, None, None),
)


def test_numbers_stand_right_with_thousands_separators_and_ids_without() -> None:
    assert tables.render(MONEY, "table").splitlines() == [
        "month       currency  orders           net  order_id",
        "─" * 52,
        "2026-01-01  EUR        1,234  1,234,567.50     10001",
        "2026-02-01  EUR            0         -0.05         7",
        "2026-03-01  -              -             -         -",
        "3 rows. ",
    ]


def test_numbers_of_a_column_have_one_scale_and_times_say_their_zone() -> None:
    result = _result(
        {"share": "DOUBLE", "at": "TIMESTAMP WITH TIME ZONE", "local": "TIMESTAMP", "text": "VARCHAR"},
        (28.85, AS_OF, datetime(2026, 1, 1, 8), "2026-11-23 20:45:11+00:00"),
        (11.0, AS_OF.replace(microsecond=500), datetime(2026, 1, 1), ""),
        (float("nan"), None, None, None),
        (1e30, None, None, None),
    )
    assert tables.render(result, "table", width=120).splitlines()[2:6] == [
        "28.85  2026-11-23 20:45:11.000000 UTC  2026-01-01 08:00:00  2026-11-23 20:45:11+00:00",
        "11.00  2026-11-23 20:45:11.000500 UTC  2026-01-01 00:00:00",
        "  NaN  -                               -                    -",
        "1e+30  -                               -                    -",
    ]


@pytest.mark.parametrize("name", ["count_star()", "payment_id", "a_rather__long name_of_a  column_", "sum(total)"])
@pytest.mark.parametrize("width", [12, 20, 80])
def test_a_heading_is_the_name_that_a_query_can_use(name: str, width: int) -> None:
    head = tables.render(_result({name: "INTEGER"}, (1,)), "table", width=width).split("─")[0]
    assert "".join(head.split()) == name.replace(" ", "")
    assert "\x1b" not in tables.render(_result({"a\x1b[31m": "INTEGER"}, (1,)), "table")


def test_a_plan_is_drawn_as_it_is_but_acts_on_no_terminal() -> None:
    plan = _result({"explain_key": "VARCHAR", "explain_value": "VARCHAR"}, ("physical_plan", "┌──┐\n│\x1b[31m│\n"))
    assert tables.render(plan, "table") == "┌──┐\n│\\x1b[31m│\n"
    assert json.loads(tables.render(plan, "json"))["rows"][0]["explain_key"] == "physical_plan"


def test_sentences_are_wrapped_and_names_and_ids_stay_whole() -> None:
    types = {"table": "VARCHAR", "why": "VARCHAR", "id": "UUID", "n": "BIGINT"}
    row = ("shop.order_returns", "one word after the other", uuid.UUID(int=1), 12345678)
    lines = tables.render(_result(types, row), "table", width=80).splitlines()
    assert lines[2].startswith("shop.order_returns  one word    00000000-0000-0000-0000-000000000001  12,345,678")
    text = tables.render(_result({f"id_{place}": "UUID" for place in range(3)}, (uuid.UUID(int=1),) * 3), "table")
    assert text.count(str(uuid.UUID(int=1))) == 3


def _wide(columns: int) -> Result:
    types = {f"column_{place}": "DECIMAL(38,2)" for place in range(columns)}
    return _result(types, *[tuple(Decimal("12345678.90") for _ in range(columns))] * 2)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize(
    "result",
    [
        MONEY,
        _wide(3),
        _wide(30),
        _result({"name": "VARCHAR", "n": "INTEGER"}, ("many words " * 40, 1), ("x" * 300, 2)),
        _result({"name": "VARCHAR"}, ("日本語" * 60,)),
        _result({"id": "UUID", "other_id": "UUID"}, (uuid.UUID(int=1), uuid.UUID(int=2))),
        _result({"a_rather_long_name_of_a_column_that_nobody_would_choose": "VARCHAR"}, ("x",)),
    ],
)
def test_a_table_fits_its_width_and_loses_no_character(result: Result, width: int) -> None:
    text = tables.render(result, "table", width=width)
    assert all(cells.cell_len(line) <= width for line in text.splitlines())
    wanted = Counter(char for row in result.rows for value in row for char in values.shown(value, grouped=False))
    del wanted[" "]
    assert wanted <= Counter(text)


def test_too_many_columns_become_a_block_for_each_row() -> None:
    lines = tables.render(_wide(30), "table").splitlines()
    assert lines[0].startswith("-- row 1 -")
    assert lines[1] == "column_0   12,345,678.90"
    assert sum(line.startswith("-- row") for line in lines) == 2


def test_an_empty_result_has_its_header_and_says_so() -> None:
    text = tables.render(_result({"net": "DECIMAL(14,2)"}), "table")
    assert text.splitlines()[0].strip() == "net"
    assert text.endswith("0 rows. ")
    assert tables.render(_result({"net": "DECIMAL(14,2)"}), "csv") == "net\n"
    assert json.loads(tables.render(_result({"net": "DECIMAL(14,2)"}), "json"))["rows"] == []
    assert tables.render(_result({"net": "DECIMAL(14,2)"}), "jsonl") == ""


def test_markup_and_control_characters_of_a_value_do_nothing() -> None:
    text = tables.render(_result({"a": "VARCHAR"}, ("[red]x[/red]\x1b[31m\r\ny",)), "table")
    assert "[red]x[/red]" in text
    assert "\x1b" not in text
    assert "\r" not in text


def test_there_is_colour_only_when_asked_for() -> None:
    assert "\x1b[1m" in tables.render(MONEY, "table", colour=True)
    assert "\x1b" not in tables.render(MONEY, "table")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_needs_a_terminal_and_no_NO_COLOR(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.wants_colour(Terminal())
    assert not terminal.wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.wants_colour(Terminal())


VALUES = {
    "money": ("DECIMAL(38,2)", Decimal("12345678901234567890123456789012345.60")),
    "small": ("DECIMAL(38,10)", Decimal("0.0000000010")),
    "float": ("DOUBLE", 0.1),
    "nan": ("DOUBLE", float("nan")),
    "text": ("VARCHAR", 'a "b", | c\nd é'),
    "at": ("TIMESTAMP WITH TIME ZONE", AS_OF),
    "day": ("DATE", date(2024, 2, 29)),
    "clock": ("TIME", time(1, 2, 3)),
    "id": ("UUID", uuid.UUID(int=5)),
    "bytes": ("BLOB", b"\x00\xff"),
    "list": ("DECIMAL(3,1)[]", [Decimal("1.0"), None]),
    "map": ("MAP(INTEGER, BOOLEAN)", {1: True}),
    "span": ("INTERVAL", timedelta(days=1)),
    "yes": ("BOOLEAN", True),
    "none": ("INTEGER", None),
}
EVERY = _result({name: kind for name, (kind, _) in VALUES.items()}, tuple(value for _, value in VALUES.values()))


def test_json_keeps_every_digit_of_a_decimal() -> None:
    found = json.loads(tables.render(EVERY, "json"), parse_float=Decimal)
    assert found["as_of"] == "2026-11-23T20:45:11+00:00"
    assert found["columns"] == list(VALUES)
    row = found["rows"][0]
    assert row["money"] == VALUES["money"][1]
    assert str(row["small"]) == "1.0E-9"
    assert (row["nan"], row["none"], row["yes"]) == ("NaN", None, True)
    assert (row["at"], row["day"], row["clock"]) == ("2026-11-23T20:45:11+00:00", "2024-02-29", "01:02:03")
    assert (row["list"], row["map"], row["bytes"]) == ([Decimal("1.0"), None], {"1": True}, "00ff")
    assert row["text"] == VALUES["text"][1]


def test_json_lines_are_one_object_each() -> None:
    lines = tables.render(MONEY, "jsonl").splitlines()
    assert [json.loads(line)["orders"] for line in lines] == [1234, 0, None]


def test_csv_reads_back() -> None:
    header, row = csv.reader(io.StringIO(tables.render(EVERY, "csv")))
    found = dict(zip(header, row, strict=True))
    assert found["money"] == "12345678901234567890123456789012345.60"
    assert found["small"] == "0.0000000010"
    assert found["text"] == VALUES["text"][1]
    assert (found["none"], found["yes"], found["at"]) == ("", "true", "2026-11-23 20:45:11+00:00")


def test_csv_tells_an_empty_text_from_null() -> None:
    result = _result({"a": "VARCHAR", "b": "VARCHAR", "n": "INTEGER"}, ("", None, 1), ('x"', "", None), (None, None, 2))
    assert tables.render(result, "csv") == 'a,b,n\n"",,"1"\n"x""","",\n,,2\n'


def test_markdown_escapes_bars_and_aligns_numbers() -> None:
    lines = tables.render(_result({"a": "VARCHAR", "n": "BIGINT"}, ("x|y", 1234)), "markdown").splitlines()
    assert lines == ["| a | n |", "| --- | ---: |", "| x\\|y | 1234 |"]


@pytest.mark.parametrize("kind", tables.FORMATS)
def test_freshness_stands_below_a_table_and_on_stderr_otherwise(kind: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    tables.write(MONEY, kind, out, err, now=AS_OF + timedelta(seconds=3.9))
    line = "As of 2026-11-23 20:45:11 UTC (3 s ago)."
    assert (line in out.getvalue()) == (kind == "table")
    assert (err.getvalue() == line + "\n") == (kind != "table")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_an_age_is_said_in_one_unit(seconds: float, text: str) -> None:
    assert values.age(seconds) == text


def test_a_terminal_that_knows_no_unicode_still_gets_its_table() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    tables.write(_result({"a": "VARCHAR"}, ("é",)), "table", out, io.StringIO(), now=AS_OF)
    out.flush()
    assert b"1 row. As of" in raw.getvalue()


@dataclass(frozen=True)
class Part:
    amount: Decimal


@dataclass(frozen=True)
class Whole:
    name: str
    parts: tuple[Part, ...]


def test_objects_become_rows_or_json() -> None:
    whole = Whole("a", (Part(Decimal("1.10")), Part(Decimal("2.20"))))
    result = tables.of_objects(whole.parts, ["amount"], AS_OF)
    assert (result.types, result.rows) == (("DECIMAL",), [(Decimal("1.10"),), (Decimal("2.20"),)])
    assert tables.json_of(whole) == '{"name": "a", "parts": [{"amount": 1.10}, {"amount": 2.20}]}\n'


SPELLED = [
    # value, its type, as a cell, in CSV, in JSON
    (float("inf"), "DOUBLE", "Infinity", "Infinity", '"Infinity"'),
    (float("-inf"), "DOUBLE", "-Infinity", "-Infinity", '"-Infinity"'),
    ([float("nan"), 1.5, None], "DOUBLE[]", '["NaN", 1.5, null]', '["NaN", 1.5, null]', '["NaN", 1.5, null]'),
    (-0.0, "DOUBLE", "-0.0", "-0.0", "-0.0"),
    (0.10000000149011612, "FLOAT", "0.1", "0.1", "0.1"),
    (3.4028234663852886e38, "FLOAT", "3.4028235e+38", "3.4028235e+38", "3.4028235e+38"),
    (1.401298464324817e-45, "FLOAT", "1e-45", "1e-45", "1e-45"),
    (16777216.0, "FLOAT", "16,777,216.0", "16777216.0", "16777216.0"),
    ([0.10000000149011612], "FLOAT[]", "[0.1]", "[0.1]", "[0.1]"),
    (0.10000000149011612, "DOUBLE", "0.10000000149011612", "0.10000000149011612", "0.10000000149011612"),
    ({True: b"\x00"}, "MAP(BOOLEAN, BLOB)", '{"true": "00"}', '{"true": "00"}', '{"true": "00"}'),
    ({b"\x00": 1}, "MAP(BLOB, INTEGER)", '{"00": 1}', '{"00": 1}', '{"00": 1}'),
    ({1.5: 1}, "MAP(DOUBLE, INTEGER)", '{"1.5": 1}', '{"1.5": 1}', '{"1.5": 1}'),
    ({AS_OF: 1}, "MAP", '{"2026-11-23T20:45:11+00:00": 1}', '{"2026-11-23T20:45:11+00:00": 1}',
     '{"2026-11-23T20:45:11+00:00": 1}'),
    (2**128 - 1, "UHUGEINT", "340,282,366,920,938,463,463,374,607,431,768,211,455",
     "340282366920938463463374607431768211455", "340282366920938463463374607431768211455"),
    ("a\nb\x1b[31m\u202e\x9b", "VARCHAR", "a\\nb\\x1b[31m\\u202e\\x9b", "a\nb\x1b[31m\u202e\x9b",
     '"a\\nb\\u001b[31m\u202e\\u009b"'),
    ("\x7f\u00a0é", "VARCHAR", "\\x7f é", "\x7f\u00a0é", '"\\u007f\u00a0é"'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind", "cell", "text", "written"), SPELLED)
def test_a_value_is_spelled_in_each_format(value: object, kind: str, cell: str, text: str, written: str) -> None:
    result = _result({"v": kind}, (value,))
    assert tables.render(result, "table", width=200).splitlines()[2].strip() == cell
    assert list(csv.reader(io.StringIO(tables.render(result, "csv"), newline="")))[1] == [text]
    assert tables.render(result, "jsonl") == f'{{"v": {written}}}\n'
    assert json.loads(written) == json.loads(tables.render(result, "json"))["rows"][0]["v"]


def test_a_name_with_control_characters_does_nothing_in_any_table() -> None:
    result = _result({"a\x1b[2J\nb": "INTEGER"}, (1,))
    assert tables.render(result, "table").splitlines()[0].strip() == "a\\x1b[2J\\nb"
    assert "\x1b" not in tables.render(result, "markdown") + tables.render(result, "json")
