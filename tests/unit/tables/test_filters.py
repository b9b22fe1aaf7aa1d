"""Which rows belong in the file, and which conditions a delta can follow."""

from __future__ import annotations

from typing import Any

import pytest

from app import errors
from jobs.source import condition
from jobs.tables import filters
from jobs.types.column_plan import ColumnInfo
from tests.support.shapes import BOOL, INFOS, STAMP, table

MARKED = (*INFOS, ColumnInfo("gone", 6, BOOL), ColumnInfo("deleted_at", 7, STAMP))


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        ({}, ""),
        ({"where": "id > 3 -- old"}, "((\nid > 3 -- old\n))"),
        ({"deletes": "soft", "soft_column": "gone"}, '(NOT ("gone" IS TRUE))'),
        ({"deletes": "soft", "soft_column": "deleted_at"}, '(NOT ("deleted_at" IS NOT NULL))'),
        (
            {"where": "id > 3 OR id < 1", "deletes": "soft", "soft_column": "gone"},
            '((\nid > 3 OR id < 1\n)) AND (NOT ("gone" IS TRUE))',
        ),
    ],
)
def test_rows_that_belong_and_rows_that_left(entry: dict[str, Any], kept: str) -> None:
    found = table(MARKED, **entry)
    assert filters.belongs(found) == kept
    # NULL counts as no, in both directions.
    assert filters.excluded(found) == (f"({kept}) IS NOT TRUE" if kept else "")


@pytest.mark.parametrize(
    ("parts", "both"), [((), ""), (("", ""), ""), (("a", ""), "(a)"), (("a OR b", "c"), "(a OR b) AND (c)")]
)
def test_conditions_are_kept_apart(parts: tuple[str, ...], both: str) -> None:
    assert filters.both(*parts) == both


def test_a_mark_that_is_no_column_is_refused() -> None:
    found = table(MARKED, deletes="soft", soft_column="gone")
    object.__setattr__(found, "infos", INFOS)
    with pytest.raises(errors.ConfigError, match="no column 'gone'"):
        filters.belongs(found)


@pytest.mark.parametrize(
    ("text", "shown", "reason"),
    [
        ("id > 3", "(t.id > 3)", ""),
        ("born > CURRENT_DATE", "(t.born > CURRENT_DATE)", "CURRENT_DATE"),
        ("born > LOCALTIMESTAMP(3)", "(t.born > LOCALTIMESTAMP(3))", "LOCALTIMESTAMP"),
        ("name = user", "(t.name = USER)", "USER"),
        ("name = 'USER'", "(t.name = 'USER'::text)", ""),
        ("name = 'it''s CURRENT_DATE'", "(t.name = 'it''s CURRENT_DATE'::text)", ""),
        ("born > 'today'", "(t.born > '2026-11-23'::date)", "'today'"),
        ("born > ' NOW '", "(t.born > '2026-11-23'::date)", "' NOW '"),
        ("name = 'today'", "(t.name = 'today'::text)", ""),
        ("id IN (SELECT 1)", '[{"Subplan Name": "SubPlan 1"}]', "other rows"),
        ("name = 'Subplan'", "(t.name = 'Subplan'::text)", ""),
    ],
)
def test_a_condition_that_looks_beyond_the_row_is_told(text: str, shown: str, reason: str) -> None:
    assert condition._unsteady(text, shown) == reason


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("lower(t.name) ~~ 'x(y'::text", ["lower"]),
        ("pg_catalog.lower(x)", ["lower"]),
        ('s.f(x) AND "s.t"."F(""g"(x)', ["F(\"g", "f"]),
        ("'f(' || x", []),
        ("(a) AND f (b)", []),
        ("CASE WHEN f(g(a)) THEN h() END", ["f", "g", "h"]),
    ],
)  # fmt: skip
def test_functions_are_known_by_their_bare_names(text: str, called: list[str]) -> None:
    found = {condition._bare(name) for name in condition._CALL.findall(condition._without_literals(text))}
    assert sorted(found) == called


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("s.K(v)", {"s", "K", "k", "v"}),
        ("a OPERATOR(s.<<#) b", {"a", "OPERATOR", "operator", "s", "b"}),
        ('"My ""fn"(v)', {'My "fn', "My", "my", "fn", "v"}),
        ("größe_2$(v)", {"größe_2$", "v"}),
        ("v>'m'", {"v", "m"}),
        ("", set()),
    ],
)
def test_whatever_may_be_a_functions_name_is_looked_for(text: str, names: set[str]) -> None:
    assert set(condition._names(text)) == names
