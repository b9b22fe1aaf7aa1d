"""What becomes of a column, decided from what the catalogue says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import errors
from jobs.types import column_plan, forms
from jobs.types.column_plan import ColumnInfo, TypeInfo


def kind(name: str, typmod: int = -1, schema: str = "pg_catalog", **more: object) -> TypeInfo:
    return replace(TypeInfo(1, schema, name, name, typmod), **more)  # type: ignore[arg-type]


def numeric(precision: int, scale: int) -> TypeInfo:
    return kind("numeric", ((precision << 16) | (scale & 0x7FF)) + 4)


def column(found: TypeInfo, **more: object) -> ColumnInfo:
    return replace(ColumnInfo("c", 1, found), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("precision", "scale", "wanted"),
    [(1, 0, "DECIMAL(1,0)"), (12, 2, "DECIMAL(12,2)"), (38, 38, "DECIMAL(38,38)"), (39, 0, "VARCHAR"),
     (5, -2, "DECIMAL(7,0)"), (30, -8, "DECIMAL(38,0)"), (30, -9, "VARCHAR"), (2, 5, "DECIMAL(5,5)"),
     (3, 1000, "VARCHAR"), (1000, -1000, "VARCHAR")],
)  # fmt: skip
def test_a_numeric_is_a_decimal_where_38_digits_hold_it(precision: int, scale: int, wanted: str) -> None:
    assert column_plan.plan_column(column(numeric(precision, scale))).duckdb_type == wanted


def test_an_unscaled_numeric_is_its_exact_text_and_the_rules_make_it_a_number() -> None:
    info = column(kind("numeric"))
    assert [column_plan.plan_column(info, rule).duckdb_type for rule in (None, "decimal", "double")] == [
        "VARCHAR", "DECIMAL(38,18)", "DOUBLE",
    ]  # fmt: skip
    assert [column_plan.plan_column(info, rule).lossless for rule in (None, "decimal", "double")] == [True, True, False]


def test_a_numeric_that_is_a_decimal_already_stays_one_under_the_rule_decimal() -> None:
    assert column_plan.plan_column(column(numeric(12, 2)), "decimal") == column_plan.plan_column(column(numeric(12, 2)))


@pytest.mark.parametrize("rule", ["decimal", "double"])
def test_a_number_rule_is_refused_for_what_is_no_numeric(rule: column_plan.Rule) -> None:
    with pytest.raises(errors.ConfigError, match="column c is date"):
        column_plan.plan_column(column(kind("date")), rule)


def test_the_rule_is_fail_where_nothing_is_said_and_none_where_nothing_can_go_wrong() -> None:
    assert column_plan.plan_column(column(numeric(12, 2))).rule == "fail"
    assert column_plan.plan_column(column(numeric(12, 2)), "null", "text").rule == "null"
    assert column_plan.plan_column(column(numeric(12, 2)), None, "null").rule == "null"
    for rule in ("null", "fail"):
        plan = column_plan.plan_column(column(kind("int4")), rule)
        assert (plan.rule, plan.lossy_sql, plan.lossless) == (None, None, True)


def test_a_tables_rule_text_touches_only_columns_that_may_not_fit_and_a_columns_rule_any() -> None:
    assert column_plan.plan_column(column(kind("int4")), None, "text").duckdb_type == "INTEGER"
    assert column_plan.plan_column(column(kind("timestamptz")), None, "text").duckdb_type == "VARCHAR"
    assert column_plan.plan_column(column(kind("int4")), "text").duckdb_type == "VARCHAR"
    assert column_plan.plan_column(column(kind("xid8")), "text").target_sql == '"c"'


def test_a_domain_is_what_lies_under_it_however_deep() -> None:
    inner = kind("price", schema="public", typtype="d", base=numeric(10, 2))
    outer = kind("cheap", schema="public", typtype="d", base=inner)
    assert column_plan.plan_column(column(outer)).duckdb_type == "DECIMAL(10,2)"
    listed = kind("_cheap", schema="public", element=outer)
    assert column_plan.plan_column(column(listed)).duckdb_type == "DECIMAL(10,2)[]"


def test_a_users_type_that_borrows_a_name_is_not_taken_for_the_extensions() -> None:
    mine = column_plan.plan_column(column(kind("hstore", schema="public")))
    theirs = column_plan.plan_column(column(kind("hstore", schema="public", extension="hstore")))
    assert (mine.duckdb_type, theirs.duckdb_type) == ("VARCHAR", "MAP(VARCHAR, VARCHAR)")
    assert mine.note.startswith("unknown type hstore")
    assert column_plan.plan_column(column(kind("int4", schema="public"))).duckdb_type == "VARCHAR"


def test_money_has_as_many_decimals_as_the_servers_locale() -> None:
    plan = column_plan.plan_column(column(kind("money", money_scale=0)))
    assert (plan.duckdb_type, plan.source_sql) == ("DECIMAL(19,0)", '"c"::numeric::numeric(19,0)')


def test_an_array_declared_with_several_dimensions_is_text_from_the_start() -> None:
    listed = kind("_int4", element=kind("int4"))
    assert column_plan.plan_column(column(listed, dims=1)).duckdb_type == "INTEGER[]"
    assert column_plan.plan_column(column(listed, dims=2)).duckdb_type == "VARCHAR"


def test_it_is_said_where_duckdb_tells_keys_apart_that_postgresql_holds_equal() -> None:
    equal = [numeric(12, 2), kind("text"), kind("bpchar", 9), kind("uuid"), kind("timestamptz"), kind("interval")]
    finer = [kind("numeric"), kind("jsonb"), kind("numrange"), kind("citext", schema="public", extension="citext")]
    assert [column_plan.plan_column(column(found)).same_equality for found in equal] == [True] * 6
    assert [column_plan.plan_column(column(found)).same_equality for found in finer] == [False] * 4
    assert not column_plan.plan_column(column(kind("text"), deterministic=False)).same_equality


@pytest.mark.parametrize(
    ("found", "rule", "wanted"),
    [
        (kind("regclass"), None, ("VARCHAR", '"c"::text', True)),
        (kind("regproc"), None, ("VARCHAR", '"c"::regprocedure::text', True)),
        (kind("regoper"), "text", ("VARCHAR", '"c"::regoperator::text', True)),
        (kind("interval"), None, ("VARCHAR", '"c"::text', False)),
        (kind("_interval", element=kind("interval")), None, ("VARCHAR[]", None, False)),
        (kind("float8"), None, ("DOUBLE", '"c"::float8', True)),
        (kind("float8"), "text", ("VARCHAR", '"c"::text', False)),
        (kind("timestamptz"), "text", ("VARCHAR", '"c"::text', False)),
    ],
)
def test_a_key_is_kept_so_that_it_is_equal_only_where_it_is_in_postgresql(
    found: TypeInfo, rule: column_plan.Rule | None, wanted: tuple[str, str | None, bool]
) -> None:
    plan = column_plan.plan_column(column(found), rule, key=True)
    source = plan.source_sql if wanted[1] else None
    assert (plan.duckdb_type, source, plan.same_equality) == wanted


def test_the_rule_bytes_keeps_a_text_as_the_server_has_it() -> None:
    plan = column_plan.plan_column(column(kind("citext", schema="public", extension="citext")), "bytes")
    assert (plan.duckdb_type, plan.source_sql) == ("BLOB", "convert_to(\"c\"::text, 'SQL_ASCII')")
    assert (plan.rule, plan.lossy_sql, plan.lossless, plan.same_equality) == (None, None, True, False)
    assert column_plan.plan_column(column(kind("text")), "bytes").same_equality
    assert column_plan.plan_column(column(kind("bytea")), "bytes") == column_plan.plan_column(column(kind("bytea")))


def test_names_of_objects_are_found_however_deep() -> None:
    name, pair = kind("regrole"), kind("pair", schema="public", typtype="c")
    for found in (name, kind("_x", element=name), kind("d", typtype="d", base=name), kind("r", subtype=name)):
        assert forms.shows_names(found)
        assert forms.shows_names(replace(pair, attributes=(("a", kind("int4")), ("b", found))))
    assert not forms.shows_names(replace(pair, attributes=(("a", kind("regrole", schema="public")),)))


def test_what_differs_has_another_exact_form() -> None:
    assert column_plan.plan_column(column(kind("float4"))).exact_sql == '("c", "c" = 0 AND signbit("c"))'
    listed = column_plan.plan_column(column(kind("_float8", element=kind("float8"))))
    assert listed.exact_sql == 'list_transform("c", lambda e: (e, e = 0 AND signbit(e)))'
    assert column_plan.plan_column(column(kind("int4"))).exact_sql == '"c"'


def test_names_are_quoted_everywhere() -> None:
    plan = column_plan.plan_column(replace(column(numeric(5, 2)), name='a"{v}'), "null")
    assert plan.lossy_sql == """"a""{v}" = 'NaN'::numeric"""
    assert plan.source_sql == (
        f'CASE WHEN {plan.lossy_sql} THEN CAST(NULL AS numeric(5,2)) ELSE "a""{{v}}"::numeric(5,2) END'
    )


def test_the_note_says_what_becomes_of_a_value_that_cannot_be_kept() -> None:
    info = column(numeric(5, 2))
    assert column_plan.plan_column(info).note == "exact; NaN fails the table, and the error names the row"
    assert column_plan.plan_column(info, "null").note == "exact; NaN becomes NULL and is counted"
    assert column_plan.plan_column(info, "text").note == "numeric in PostgreSQL's text form"
