"""How a deleted row's key is written down, read back and compared, by its type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.tables import keys
from jobs.types import column_plan
from jobs.types.column_plan import ColumnInfo, TypeInfo


def kind(name: str, **more: object) -> TypeInfo:
    return replace(TypeInfo(1, "pg_catalog", name, name), **more)  # type: ignore[arg-type]


NUMBER = kind("numeric")
CODE = kind("code", schema="public", type_name="public.code", typtype="d", base=kind("text"))
CODES = kind("_code", schema="public", type_name="public.code[]", element=CODE)
TREE = kind("ltree", schema="ext", type_name="ext.ltree", extension="ltree")
RAW = kind("raw", schema="public", type_name="public.raw")


def info(found: TypeInfo, **more: object) -> ColumnInfo:
    return replace(ColumnInfo("k", 1, found), **more)  # type: ignore[arg-type]


DATES, EVERY = {"datestyle=iso, ymd"}, {"datestyle=iso, ymd", "intervalstyle=postgres", "extra_float_digits=3"}


@pytest.mark.parametrize(
    ("found", "settings", "read"),
    [
        (kind("int4"), set(), "x::int4"),
        (NUMBER, set(), "x::numeric"),
        (kind("date"), DATES, "x::date"),
        (kind("float8"), {"extra_float_digits=3"}, "x::float8"),
        (kind("interval"), {"intervalstyle=postgres"}, "x::interval"),
        (CODE, set(), "x::text"),
        (CODES, EVERY, "x::text[]"),
        (kind("mood", schema="public", typtype="e"), set(), "x::mood"),
        (RAW, EVERY, "x::public.raw"),
        (kind("date", schema="public"), EVERY, "x::date"),
    ],
)  # fmt: skip
def test_a_key_is_recorded_and_read_back(found: TypeInfo, settings: set[str], read: str) -> None:
    assert keys.text_settings([info(found)]) == settings
    assert keys.read_back("x", info(found)) == read


@pytest.mark.parametrize(
    ("found", "more", "equal"),
    [
        (kind("int4"), {}, "s.k = k.k"),
        (NUMBER, {}, f"s.k = k.k AND s.k::text{keys.EXACT} = k.k::text{keys.EXACT}"),
        (kind("text"), {"deterministic": False}, f"s.k = k.k AND s.k::text{keys.EXACT} = k.k::text{keys.EXACT}"),
        (CODES, {}, "s.k::text[] = k.k"),
        (TREE, {}, 's.k OPERATOR("ext".=) k.k'),
        (RAW, {}, f"s.k::text{keys.EXACT} = k.k::text{keys.EXACT}"),
    ],
)
def test_two_keys_are_compared_as_the_file_does(found: TypeInfo, more: dict[str, object], equal: str) -> None:
    column = info(found, **more)
    assert keys.equal(column, column_plan.plan_column(column, key=True), "s.k", "k.k") == equal
