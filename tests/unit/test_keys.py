"""How a deleted row's key is written down, read back and compared, by its type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs import keys, types
from jobs.types import ColumnInfo, TypeInfo


def kind(name: str, **more: object) -> TypeInfo:
    return replace(TypeInfo(1, "pg_catalog", name, name), **more)  # type: ignore[arg-type]


NUMBER = kind("numeric")
CODE = kind("code", schema="public", type_name="public.code", typtype="d", base=kind("text"))
CODES = kind("_code", schema="public", type_name="public.code[]", element=CODE)
TREE = kind("ltree", schema="ext", type_name="ext.ltree", extension="ltree")
RAW = kind("raw", schema="public", type_name="public.raw")


def info(found: TypeInfo, **more: object) -> ColumnInfo:
    return replace(ColumnInfo("k", 1, found), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "recorded", "read"),
    [
        (kind("int4"), "OLD.\"k\"", "x::int4"),
        (NUMBER, "OLD.\"k\"", "x::numeric"),
        (kind("interval"), "OLD.\"k\"::text", "x::interval"),
        (CODE, "OLD.\"k\"", "x::text"),
        (CODES, "OLD.\"k\"::text", "x::text[]"),
        (kind("_citext", extension="citext", element=kind("citext")), "OLD.\"k\"::text", "x::_citext"),
    ],
)  # fmt: skip
def test_a_key_is_recorded_and_read_back(found: TypeInfo, recorded: str, read: str) -> None:
    assert keys.recorded("OLD", [info(found)]) == f"jsonb_build_array({recorded})"
    assert keys.read_back("x", info(found)) == read


@pytest.mark.parametrize(
    ("found", "more", "changed", "equal"),
    [
        (kind("int4"), {}, 'OLD."k" IS DISTINCT FROM NEW."k"', "s.k = k.k"),
        (NUMBER, {}, None, f"s.k = k.k AND s.k{keys.EXACT} = k.k{keys.EXACT}"),
        (kind("text"), {"deterministic": False}, None, f"s.k = k.k AND s.k{keys.EXACT} = k.k{keys.EXACT}"),
        (CODES, {}, 'OLD."k" IS DISTINCT FROM NEW."k"', "s.k::text[] = k.k"),
        (TREE, {}, None, 's.k OPERATOR("ext".=) k.k'),
        (RAW, {}, None, f"s.k{keys.EXACT} = k.k{keys.EXACT}"),
    ],
)  # fmt: skip
def test_two_keys_are_compared_as_the_file_does(
    found: TypeInfo, more: dict[str, object], changed: str | None, equal: str
) -> None:
    column = info(found, **more)
    plan = types.plan_column(column, key=True)
    by_bytes = 'ROW(OLD."k")::record OPERATOR(pg_catalog.*<>) ROW(NEW."k")::record'
    assert keys.changed([column], [plan]) == (changed or by_bytes)
    assert keys.equal(column, plan, "s.k", "k.k") == equal
