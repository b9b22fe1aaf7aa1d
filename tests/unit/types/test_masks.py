"""What PostgreSQL is asked for instead of a clear value."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest

from app import maskkey
from jobs.types import column_plan, masks
from jobs.types.column_plan import ColumnInfo
from jobs.types.masks import Mask
from tests.support.shapes import INT, NUMERIC, TEXT

PLAN = column_plan.plan_column(ColumnInfo('na"me', 1, TEXT))
PRICE = column_plan.plan_column(ColumnInfo("price", 1, NUMERIC), "fail")


@pytest.mark.parametrize(
    ("how", "source", "target"),
    [
        ("null", "CAST(NULL AS text)", "CAST(NULL AS VARCHAR)"),
        ("redact", 'CASE WHEN "na""me"::text IS NOT NULL THEN \'***\' END', '"na""me"'),
        (
            "partial",
            'CASE WHEN length("na""me"::text) >= 8 THEN \'****\' || right("na""me"::text, 4)'
            ' WHEN "na""me"::text IS NOT NULL THEN \'****\' END',
            '"na""me"',
        ),
        (
            "hash",
            "encode(sha256(decode(current_setting('neaptide.mask_outer'), 'hex') || "
            "sha256(decode(current_setting('neaptide.mask_inner'), 'hex') || "
            "convert_to(\"na\"\"me\"::text, 'UTF8'))), 'hex')",
            '"na""me"',
        ),
    ],
)
def test_the_clear_value_is_asked_for_in_no_form(how: Mask, source: str, target: str) -> None:
    plan = masks.masked(PLAN, how)
    assert (plan.source_sql, plan.target_sql, plan.duckdb_type) == (source, target, "VARCHAR")
    assert plan.name == 'na"me'
    assert not plan.lossless
    assert plan.note.startswith("masked")


@pytest.mark.parametrize("how", ["null", "redact", "partial", "hash"])
def test_a_value_that_its_type_could_not_keep_is_of_no_account(how: Mask) -> None:
    """No condition of the clear value is left that could fail with it in the message."""
    assert PRICE.lossy_sql
    plan = masks.masked(PRICE, how)
    assert (plan.rule, plan.lossy_sql) == (None, None)
    assert plan.duckdb_type == ("DECIMAL(8,2)" if how == "null" else "VARCHAR")
    assert "can''t be kept" not in plan.source_sql


@pytest.mark.parametrize(
    ("same", "exact", "kept"), [(True, '"k"', True), (False, '"k"', False), (True, '"k"::X', False)]
)
def test_equal_values_of_several_texts_have_several_hashes(same: bool, exact: str, kept: bool) -> None:
    plan = replace(column_plan.plan_column(ColumnInfo("k", 1, INT)), same_equality=same, exact_sql=exact)
    assert masks.masked(plan, "hash").same_equality is kept


@pytest.mark.parametrize("key", ["k", "x" * 64, "x" * 65, "schlüssel" * 20])
@pytest.mark.parametrize("value", ["", "a@b.c", "ü"])
def test_the_two_pads_make_the_hmac_of_the_standard(key: str, value: str) -> None:
    """What the SQL above computes, in Python."""
    both = bytes.fromhex(maskkey.pads(key))
    inner = hashlib.sha256(both[:64] + value.encode()).digest()
    assert hashlib.sha256(both[64:] + inner).digest() == hmac.digest(key.encode(), value.encode(), "sha256")


def test_no_key_has_no_pads_and_no_version() -> None:
    assert (maskkey.pads(None), masks.version(None), masks.version("")) == ("", "", "")


def test_a_version_tells_keys_apart_and_is_none_of_their_hashes() -> None:
    versions = {masks.version(key) for key in ("one", "two", "one ")}
    assert len(versions) == 3
    assert not versions & {hmac.digest(key.encode(), b"", "sha256").hex()[:16] for key in ("one", "two", "one ")}


@pytest.mark.parametrize("pads", ["00" * 128, maskkey.pads("a key of sixteen characters")])
def test_what_is_hidden_comes_back_by_the_nonce(pads: str) -> None:
    nonce = "a5" * 128
    assert masks.hidden(masks.hidden(pads, nonce), nonce) == pads
    assert masks.hidden(pads, nonce) != pads
