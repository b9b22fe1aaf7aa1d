"""Files of models: their heads, their names, and the order in which they are built."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from app import errors
from jobs.engine import failures
from jobs.models import file, order, upkeep
from jobs.models.analysis.shapes import Relation
from jobs.models.folder import found_in

TABLES = {"shop.orders": Relation({"id": "INTEGER", "total": "DECIMAL(14,2)"}, ("id",))}


def planned(folder: Path, **texts: str) -> order.Planned:
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return order.planned(found_in(folder), TABLES)


def test_inputs_come_first(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        a="-- key: id\nSELECT id FROM models.b",
        b="-- key: id\nSELECT id FROM MODELS.C",
        c="-- key: id\nSELECT id FROM shop.orders",
    )
    assert list(found.analyses) == ["c", "b", "a"]
    assert found.analyses["a"].inputs == ("models.b",)
    assert not found.bad


def test_a_wrong_one_costs_itself_and_those_above_it(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        above="SELECT id FROM models.wrong",
        higher="SELECT id FROM models.above",
        wrong="SELECT id, now() AS t FROM shop.orders",
        good="-- key: id\nSELECT id FROM shop.orders",
        empty="-- title: nothing",
    )
    assert list(found.analyses) == ["good"]
    assert {name: one.message.rpartition(": ")[2] for name, one in found.bad.items()} == {
        "wrong": "now() gives another value each time",
        "above": "it reads models.wrong, which can't be kept",
        "higher": "it reads models.above, which can't be kept",
        "empty": "there is no statement",
    }


def test_a_circle_is_told_with_its_way(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        a="SELECT id FROM models.b",
        b="SELECT id FROM models.a",
        c="SELECT id FROM models.a",
        d="SELECT id FROM models.d",
    )
    assert "it reads itself: a reads b reads a" in found.bad["a"].message
    assert "it reads itself: b reads a reads b" in found.bad["b"].message
    assert "it reads a, which reads itself: a reads b reads a" in found.bad["c"].message
    assert "it reads itself: d reads d" in found.bad["d"].message


def test_names(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        Sales="SELECT id FROM shop.orders",
        sales="SELECT id FROM shop.orders",
        Orders="SELECT id FROM shop.orders",
        **{"my-model": "SELECT id FROM shop.orders"},
    )
    assert not found.analyses
    assert "has the same name to DuckDB" in found.bad["Sales"].message
    assert "Sales.sql has the same name" in found.bad["sales"].message
    assert "it is called like the table shop.orders" in found.bad["Orders"].message
    assert "'my-model' can't be a model's name" in found.bad["my-model"].message


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_bytes(b"SELECT '\xff'")
    assert "can't be read" in found_in(tmp_path).bad["x"].message
    assert not found_in(tmp_path / "none").models


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("-- kye: id", "the head has no line `-- kye: …`"),
        ("-- titel: x", "the head has no line `-- titel: …`"),
        ("-- requires: id", "the head has no line `-- requires: …`"),
        ("-- require: rows", "require: 'rows' is not known"),
        ("-- key: a,,b", "is no list of columns"),
        ("-- key: a\n-- key: b", "the head has 2 lines `-- key: …`"),
    ],
)
def test_a_head_that_is_wrong(head: str, message: str) -> None:
    with pytest.raises(errors.ModelError, match=r"models/m\.sql") as caught:
        file.parse("m", f"{head}\nSELECT 1 AS a", where="models/m.sql")
    assert message in caught.value.message


def test_a_head() -> None:
    text = '\N{BYTE ORDER MARK}-- title: T\n  -- a remark\n\n-- key: day , "a ""b"", c"\nSELECT 1 AS day;\n'
    found = file.parse("sales_daily", text, where="x")
    assert (found.title, found.key, found.text, found.line) == ("T", ("day", 'a "b", c'), "SELECT 1 AS day", 5)
    assert file.parse("sales_daily", "SELECT 1", where="x").title == "Sales daily"
    assert found.table == "models.sales_daily"


def test_what_duckdb_can_not_plan_is_a_matter_of_its_model_and_damage_is_not() -> None:
    with pytest.raises(upkeep.ModelFailed) as caught, upkeep.failing("one"), failures.translated():
        raise duckdb.InternalException("INTERNAL Error: Failed to bind column reference\nStack Trace: …")
    assert caught.value.reason == "DuckDB can't carry it out: INTERNAL Error: Failed to bind column reference"
    with pytest.raises(failures.Damaged), upkeep.failing("one"), failures.translated():
        raise duckdb.IOException(
            "IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2"
        )


@pytest.mark.parametrize(
    "remark", ["note: of the year", "they: agreed", "TODO: less", "see: https://example.com", "kid"]
)
def test_a_remark_stays_one(remark: str) -> None:
    assert file.parse("m", f"-- {remark}\n-- key: a\nSELECT 1 AS a", where="models/m.sql").key == ("a",)
