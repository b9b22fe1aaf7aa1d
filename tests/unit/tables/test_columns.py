"""Which columns are copied, under which names, and which entries are refused."""

from __future__ import annotations

from typing import Any

import pytest

from app import config, errors
from jobs.tables import columns
from jobs.types.column_plan import ColumnInfo, ColumnPlan
from tests.support.shapes import INFOS, NUMERIC, TEXT

PRICED = (*INFOS, ColumnInfo("price", 6, NUMERIC), ColumnInfo('od"d', 7, TEXT))
ALL = [info.name for info in PRICED]


def chosen(**entry: Any) -> dict[str, ColumnPlan]:
    """The plans by the columns' names in the source."""
    copied, plans = columns.choose(config.Table(name="public.t", **entry), "public.t", PRICED, ("id",))
    assert len(copied) == len(plans)
    return {info.name: plan for info, plan in zip(copied, plans, strict=True)}


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ({}, ALL),
        ({"columns": ["price", "id"]}, ["id", "price"]),
        ({"exclude_columns": ["pairs", "updated_at"]}, ["id", "name", "twice", "price", 'od"d']),
        ({"rename_columns": {"id": "the id"}}, ["the id", *ALL[1:]]),
        ({"rename_columns": {"name": "price", "price": "name"}}, ["id", "price", *ALL[2:5], "name", 'od"d']),
        ({"columns": ["id", "name"], "rename_columns": {"price": "id"}}, ["id", "name"]),
    ],
)
def test_columns_keep_their_order_and_get_their_names(entry: dict[str, Any], names: list[str]) -> None:
    assert [plan.name for plan in chosen(**entry).values()] == names


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"columns": ["name"]}, "the key's column 'id' must be copied"),
        ({"exclude_columns": ["id"]}, "the key's column 'id' must be copied"),
        ({"exclude_columns": ALL}, "no column is left"),
        ({"columns": ["id", "x"]}, "no column 'x', which columns names"),
        ({"exclude_columns": ["x"]}, "no column 'x', which exclude_columns names"),
        ({"key": ["x"]}, "no column 'x', which key names"),
        ({"rules": {"x": "text"}}, "no column 'x', which rules names"),
        ({"mask": {"x": "null"}}, "no column 'x', which mask names"),
        ({"rename_columns": {"x": "y"}}, "no column 'x', which rename_columns names"),
        ({"deletes": "soft", "soft_column": "x"}, "no column 'x', which soft_column names"),
        ({"mask": {"id": "null"}}, "can only be masked by"),
        ({"mask": {"id": "redact"}}, "can only be masked by"),
        ({"mask": {"id": "partial"}}, "can only be masked by"),
        ({"rules": {"id": "null"}}, "can't have the rule"),
        ({"rename_columns": {"name": "ID"}}, "can't tell the columns 'id' and 'ID' apart"),
        ({"rename_columns": {"name": "x", "price": "x"}}, "can't tell the columns 'x' and 'x' apart"),
    ],
)
def test_what_can_not_be_is_refused(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        chosen(**entry)
    assert caught.value.message.startswith("public.t: ")
    assert told in caught.value.message
    assert caught.value.hint


def test_umlauts_are_no_twins() -> None:
    """DuckDB folds the case of ASCII letters alone."""
    assert chosen(rename_columns={"name": "Ä", "price": "ä"})["price"].name == "ä"


def test_a_new_name_is_the_files_own() -> None:
    plan, masked = (
        chosen(rename_columns={"price": "net"}, **more)["price"] for more in ({}, {"mask": {"price": "hash"}})
    )
    assert '"price"' in plan.source_sql
    assert '"net"' not in plan.source_sql
    for part in (plan.target_sql, plan.exact_sql, masked.target_sql, masked.exact_sql):
        assert '"net"' in part
        assert '"price"' not in part
    assert '"price"' in masked.source_sql


@pytest.mark.parametrize(
    ("entry", "rule", "duckdb"),
    [
        ({}, "fail", "DECIMAL(8,2)"),
        ({"on_value": "null"}, "null", "DECIMAL(8,2)"),
        ({"on_value": "text"}, "text", "VARCHAR"),
        ({"rules": {"price": "text"}, "on_value": "null"}, "text", "VARCHAR"),
        ({"rules": {"price": "double"}}, "fail", "DOUBLE"),
        ({"mask": {"price": "hash"}}, None, "VARCHAR"),
        ({"mask": {"price": "null"}}, None, "DECIMAL(8,2)"),
    ],
)
def test_a_columns_rule_wins_over_the_tables_and_a_mask_over_both(
    entry: dict[str, Any], rule: str | None, duckdb: str
) -> None:
    plan = chosen(**entry)["price"]
    assert (plan.rule, plan.duckdb_type) == (rule, duckdb)
