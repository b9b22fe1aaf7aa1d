"""What `neaptide tables` says of the file's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from jobs.status import report, shape
from tests.support.syncing import Lab

ODD = 'Odd Schema."Odd.Name"'


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Three tables that are compared whole, one of them with a column that has another name in the file."""
    specs = [
        {"name": "public.payment", "watermark": "none", "rename_columns": {"amount": "paid"}},
        {"name": ODD, "watermark": "none"},
        {"name": "shop.item", "watermark": "none", "exclude_columns": ["secret"]},
    ]
    found = Lab(empty_db, tmp_path, specs)
    found.run(
        "CREATE TABLE payment (payment_id int PRIMARY KEY, amount numeric(5,2), at timestamptz, note jsonb)",
        "INSERT INTO payment VALUES (1, 2.50, now()), (2, 3, now())",
        'CREATE SCHEMA "Odd Schema" CREATE TABLE "Odd Schema"."Odd.Name" ("A column" text)',
        "CREATE SCHEMA shop CREATE TABLE item (id int PRIMARY KEY, secret text, kind inet)",
    )
    return found


def test_a_table_is_shown_with_the_types_of_both_sides(lab: Lab) -> None:
    with pytest.raises(errors.NoReportingFile):
        shape.of_table(lab.job, "payment")
    lab.sync()
    assert {one.table: (one.rows, one.columns) for one in report.read_status(lab.job).tables} == {
        "public.payment": (2, 4), ODD: (0, 1), "shop.item": (0, 2),
    }  # fmt: skip
    found = shape.of_table(lab.job, "payment")
    assert (found.table, found.rows) == ("public.payment", 2)
    assert [(one.name, one.type, one.postgresql) for one in found.columns] == [
        ("payment_id", "INTEGER", "integer"),
        ("paid", "DECIMAL(5,2)", "numeric(5,2)"),
        ("at", "TIMESTAMP WITH TIME ZONE", "timestamp with time zone"),
        ("note", "JSON", "jsonb"),
    ]
    for name in (ODD, '"odd schema"."ODD.NAME"'):
        assert [one.name for one in shape.of_table(lab.job, name).columns] == ["A column"]
    assert [one.name for one in shape.of_table(lab.job, "Item").columns] == ["id", "kind"]
    before = shape.of_table(lab.job, "item").as_of
    lab.sync()
    assert shape.of_table(lab.job, "item").as_of > before
    with pytest.raises(errors.UsageError) as caught:
        shape.of_table(lab.job, "shop.items")
    assert caught.value.hint == "did you mean shop.item?"
