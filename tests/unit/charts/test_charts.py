"""Pictures: how a head says them, which is chosen without one, and that what they show is never more than text."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from app import errors
from app.charts import chart, choice, picture, vega
from app.charts.chart import NUMBER, Chart
from app.face import pictures, plots
from app.queries import report_file
from app.reporting.result import Result

AS_OF = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOSTILE = "</script x</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp; =cmd() c.d[0] \"q\" 'z' \\"


def result(columns: dict[str, str], *rows: tuple[Any, ...]) -> Result:
    return Result(tuple(columns), tuple(columns.values()), list(rows), AS_OF)


MONTHS = result(
    {"month": "DATE", "currency": "VARCHAR", "orders": "BIGINT", "net": "DECIMAL(18,2)"},
    *(
        (date(2026, month, 1), currency, month, Decimal(month) * factor)
        for month in range(1, 7)
        for currency, factor in (("EUR", 10), ("USD", 20))
    ),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("line x=month y=net color=currency", Chart("line", "month", ("net",), ("currency",))),
        ("line x = month y = net, gross", Chart("line", "month", ("net", "gross"))),
        ("Area x=a y=b colour=c", Chart("area", "a", ("b",), ("c",))),
        ('bar x="the month" y="a, b",\'c=d\' line=z', Chart("bar", "the month", ("a, b", "c=d"), line="z")),
        ("scatter x=a y=b", Chart("scatter", "a", ("b",))),
        ("heatmap x=a y=b color=c", Chart("heatmap", "a", ("b",), ("c",))),
        ("bar x=a y=b color=c,d", Chart("bar", "a", ("b",), ("c", "d"))),
        ("big number y=net", Chart(NUMBER, y=("net",))),
        ("big_number y=net x=month", Chart(NUMBER, "month", ("net",))),
        ("number y=net", Chart(NUMBER, y=("net",))),
        ("none", Chart("none")),
    ],
)
def test_a_head_says_what_is_drawn(text: str, found: Chart | None) -> None:
    assert chart.parse(text, where="a.sql") == found
    assert report_file.parse("a", f"-- chart: {text}\nSELECT 1", {}, where="a.sql").chart == found
    assert report_file.chart_of(f"-- why\n-- chart: {text}\nSELECT 1") == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pie x=a y=b", "pie"),
        ("lin x=a y=b", "lin"),
        ("line", "lacks x and y"),
        ("line x=a", "lacks y"),
        ("line x=a y=b z=c", "z=c"),
        ("line x=a,b y=c", "x=a,b"),
        ("line x=a x=b y=c", "x=b"),
        ("line x=a y=", "y="),
        ('line x="a y=b', "x="),
        ("x=a y=b", "no chart"),
        ("none x=a", "x=a"),
    ],
)
def test_a_chart_that_can_t_be_read_is_refused_with_the_file(text: str, told: str) -> None:
    with pytest.raises(errors.BadReport, match=rf"a\.sql.*{re.escape(told)}") as raised:
        chart.parse(text, where="a.sql")
    assert raised.value.hint


@pytest.mark.parametrize(
    ("columns", "rows", "kind", "used"),
    [
        ({"n": "BIGINT"}, [(3,)], NUMBER, ("n",)),
        ({"a": "BIGINT", "b": "BIGINT", "c": "BIGINT", "d": "BIGINT"}, [(1, 2, 3, 4)], None, ()),
        ({"day": "DATE", "net": "DOUBLE"}, [(date(2026, 1, n), n) for n in (1, 2)], "line", ("day", "net")),
        (
            {"at": "TIMESTAMP WITH TIME ZONE", "n": "BIGINT"},
            [(AS_OF, 1), (AS_OF.replace(hour=1), 2)],
            "line",
            ("at", "n"),
        ),
        ({"name": "VARCHAR", "n": "BIGINT", "net": "DOUBLE"}, [("a", 1, 2.0), ("b", 2, 1.0)], "bar", ("name", "net")),
        ({"name": "VARCHAR", "n": "BIGINT"}, [("a", 1), ("a", 2), ("b", 3)], None, ()),
        ({"name": "VARCHAR", "n": "BIGINT"}, [(str(n), n) for n in range(41)], None, ()),
        ({"name": "VARCHAR", "order_id": "BIGINT"}, [("a", 1), ("b", 2)], None, ()),
        ({"a": "VARCHAR", "b": "VARCHAR"}, [("a", "1"), ("b", "2")], None, ()),
        ({"x": "DOUBLE", "y": "BIGINT"}, [(1.5, 1), (2.5, 2)], "scatter", ("x", "y")),
        ({"name": "VARCHAR", "n": "BIGINT"}, [], None, ()),
        ({"tags": "VARCHAR[]", "n": "BIGINT"}, [(["a"], 1), (["b"], 2)], None, ()),
    ],
)
def test_without_a_head_the_columns_choose(
    columns: dict[str, str], rows: list[Any], kind: str | None, used: tuple[str, ...]
) -> None:
    found = choice.of_columns(result(columns, *rows))
    assert (found.kind if found else None) == kind
    assert found is None or found.columns == used


def test_what_tells_rows_apart_is_a_colour_and_what_is_the_same_all_over_is_none() -> None:
    found = choice.chosen(MONTHS, None, where="a.sql")
    assert found is not None and found[0] == Chart("line", "month", ("net",), ("currency",))
    euros = result(dict(zip(MONTHS.columns, MONTHS.types, strict=True)), *MONTHS.rows[::2])
    found = choice.chosen(euros, Chart("line", "month", ("net",), ("currency",)), where="a.sql")
    assert found is not None and found[0].color == ()
    assert choice.chosen(MONTHS, Chart("none"), where="a.sql") is None


def test_two_colours_become_one() -> None:
    one = result(
        {"m": "VARCHAR", "a": "VARCHAR", "b": "VARCHAR", "n": "BIGINT"}, ("x", "p", "q", 1), ("x", "r", None, 2)
    )
    found = choice.chosen(one, Chart("bar", "m", ("n",), ("a", "b")), where="a.sql")
    assert found is not None
    drawn, rows = found
    assert [row[rows.columns.index(drawn.color[0])] for row in rows.rows] == ["p, q", "r, -"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Chart("line", "month", ("nett",)), "nett is no column"),
        (Chart("line", "month", ("currency",)), "currency is VARCHAR"),
        (Chart("heatmap", "month", ("currency",), ("currency",)), "takes a number"),
    ],
)
def test_a_chart_that_the_columns_don_t_allow_is_refused(wanted: Chart, told: str) -> None:
    with pytest.raises(errors.BadReport, match=told):
        choice.chosen(MONTHS, wanted, where="a.sql")


def test_more_rows_than_can_be_seen_are_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "MOST_MARKS", 11)
    assert choice.of_columns(MONTHS) is None
    with pytest.raises(errors.BadReport, match="12 rows"):
        choice.chosen(MONTHS, Chart("line", "month", ("net",)), where="a.sql")


KINDS = [
    Chart("line", "month", ("net",), ("currency",)),
    Chart("line", "month", ("net", "orders"), ("currency",)),
    Chart("bar", "month", ("net",), ("currency",)),
    Chart("bar", "currency", ("net",)),
    Chart("bar", "month", ("net",), line="orders"),
    Chart("area", "month", ("net", "orders")),
    Chart("scatter", "orders", ("net",), ("currency",)),
    Chart("heatmap", "month", ("currency",), ("net",)),
    Chart(NUMBER, "month", ("net",)),
]


@pytest.mark.parametrize("wanted", KINDS, ids=lambda one: f"{one.kind} {','.join(one.columns)}")
@pytest.mark.parametrize("width", [340, 1000])
def test_each_kind_is_drawn_as_wide_as_asked(wanted: Chart, width: int) -> None:
    drawn = ET.fromstring(picture.svg(vega.spec(wanted, MONTHS, width=width)))
    assert abs(float(drawn.attrib["width"]) - width) < 40
    assert "".join(drawn.itertext()).strip()


@pytest.mark.parametrize("wanted", KINDS, ids=lambda one: f"{one.kind} {','.join(one.columns)}")
def test_each_kind_fits_a_terminal(wanted: Chart) -> None:
    out = io.StringIO()
    plots.write(MONTHS, wanted, "A title", out, AS_OF)
    lines = out.getvalue().splitlines()
    assert lines[0] == "A title" and lines[-1].startswith("12 rows. As of ")
    assert max(map(len, lines)) <= 80
    assert len(lines) > 3


def test_bars_say_less_than_nothing_and_no_number() -> None:
    odd = result({"name": "VARCHAR", "n": "DOUBLE"}, ("up", 2.0), ("down", -2.0), ("none", None), ("nan", float("nan")))
    out = io.StringIO()
    plots.write(odd, Chart("bar", "name", ("n",)), "odd", out, AS_OF)
    up, down, none, nan = out.getvalue().splitlines()[2:6]
    assert up.index("█") > down.index("█") and len(up) > len(down)
    assert "█" not in none + nan
    json.dumps(vega.spec(Chart("bar", "name", ("n",)), odd), allow_nan=False)


def test_a_terminal_without_blocks_has_other_marks() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    plots.write(MONTHS, KINDS[0], "A title", out, AS_OF)
    out.seek(0)
    assert "#####" in out.read()


class Elements(HTMLParser):
    """What a browser would make elements of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_hostile_names_and_values_are_text_in_every_picture() -> None:
    name = HOSTILE
    rows = result({name: "VARCHAR", "n": "DOUBLE"}, (HOSTILE, 1.0), ("b", 2.0))
    wanted = Chart("bar", name, ("n",))
    drawn = pictures.made(rows, wanted, "svg", HOSTILE).decode()
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(drawn).iter()}
    assert tags <= {"svg", "g", "path", "line", "rect", "text", "defs", "clipPath", "linearGradient", "stop"}
    assert "alert(1)" in "".join(ET.fromstring(drawn).itertext())
    page = pictures.made(rows, wanted, "html", HOSTILE).decode()
    found = Elements(page)
    assert "<" not in page.partition('id="spec">')[2].partition("</script>")[0]
    assert found.found.count("script") == 2 and "img" not in found.found
    assert not {one for one in found.attributes if one.startswith("on")}
    assert pictures.made(rows, wanted, "png", HOSTILE).startswith(b"\x89PNG")


def test_a_page_asks_nobody_for_anything() -> None:
    page = pictures.made(MONTHS, None, "html", "Months").decode()
    found = Elements(page)
    assert not {"link", "img", "iframe", "object"} & {*found.found} and not {"src", "href"} & {*found.attributes}
    assert found.found.count("tr") == 13


def test_without_a_picture_a_page_has_the_table_and_an_image_is_refused() -> None:
    rows = result({"a": "VARCHAR"}, ("x",), ("y",))
    assert b"<svg" not in pictures.made(rows, None, "html", "texts")
    with pytest.raises(errors.UsageError, match="nothing says how to draw") as raised:
        pictures.made(rows, None, "svg", "texts")
    assert "-- chart:" in str(raised.value.hint)


def test_days_beside_what_python_has_no_day_for_are_text_too() -> None:
    """PostgreSQL's `infinity` arrives as text, and an axis of it and of milliseconds could not be read."""
    days = result({"until": "DATE", "n": "INTEGER"}, (date(2026, 1, 31), 1), ("infinity", 2), (None, 3))
    for kind in ("line", "bar", "scatter"):
        found = vega.spec(Chart(kind, "until", ("n",)), days)["data"]["values"]
        assert [row["c0"] for row in found] == ["2026-01-31", "infinity", "-"]


def test_times_are_utc_wherever_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = vega.spec(KINDS[0], MONTHS)
    assert spec["data"]["values"][0]["c0"] == datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert spec["encoding"]["x"]["scale"] == {"type": "utc"}
