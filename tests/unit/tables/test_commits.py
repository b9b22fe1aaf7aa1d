"""Which tables can have a history of commits, and what is said of the others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from app import config, errors
from jobs.tables import commits
from jobs.types.column_plan import ColumnInfo, TypeInfo

INT = TypeInfo(23, "pg_catalog", "int4", "integer")
TEXT = TypeInfo(25, "pg_catalog", "text", "text")
MOOD = TypeInfo(900, "shop", "mood", "shop.mood", typtype="e")
SMALL = TypeInfo(901, "shop", "small", "shop.small", typtype="d", base=INT)
PAIR = TypeInfo(902, "shop", "pair", "shop.pair", typtype="c", attributes=(("a", INT), ("b", MOOD)))


def made(kind: str, typtype: str = "b", schema: str = "pg_catalog", **given: Any) -> TypeInfo:
    return TypeInfo(910, schema, kind, kind, typtype=typtype, **given)


def of(part: TypeInfo) -> TypeInfo:
    return made("_x", element=part)


GENERATED, RECAST = ColumnInfo("c", 2, INT, generated="s"), ColumnInfo("c", 2, replace(MOOD, recast=True))


def checked(column: ColumnInfo | TypeInfo, **entry: Any) -> None:
    info = column if isinstance(column, ColumnInfo) else ColumnInfo("c", 2, column)
    spec = config.Table(name="shop.t", history="commits", **entry).model_copy(update={"watermark": "wal"})
    commits.check(spec, "shop.t", [ColumnInfo("id", 1, INT), info])


@pytest.mark.parametrize(
    "kind",
    [INT, TEXT, MOOD, SMALL, PAIR, of(INT), of(SMALL), of(PAIR), made("citext", schema="public", extension="citext")],
)
def test_types_that_postgresql_reads_by_itself(kind: TypeInfo) -> None:
    checked(kind)


@pytest.mark.parametrize(
    ("column", "entry", "told"),
    [
        (GENERATED, {}, "c, which is generated"),
        (RECAST, {}, "a cast by a function of somebody's own"),
        (made("money"), {}, "the text of money in the log can't be read back"),
        (made("regclass"), {}, "the text of regclass"),
        (of(made("regclass")), {}, "can't be read back"),
        (made("own", schema="shop"), {}, "the text of own"),
        (made("spans", "r", "shop", subtype=INT), {}, "the text of spans"),
        (made("both", "c", "shop", attributes=(("a", SMALL),)), {}, "the text of both"),
        (made("both", "c", "shop", attributes=(("a", of(SMALL)),)), {}, "the text of both"),
        (made("both", "c", "shop", attributes=(("a", made("money")),)), {}, "the text of both"),
        (TEXT, {"mask": {"c": "hash"}}, 'masked by "hash": the clear value'),
        (TEXT, {"mask": {"c": "partial"}}, 'masked by "partial": the clear value'),
        (TEXT, {"where": "id > 1"}, "which where changes"),
        (TEXT, {"deletes": "soft", "soft_column": "c"}, 'which deletes = "soft" changes'),
        (TEXT, {"deletes": "ignore"}, 'which deletes = "ignore" changes'),
    ],
)
def test_what_the_log_can_not_say_is_refused_by_name(
    column: ColumnInfo | TypeInfo, entry: dict[str, Any], told: str
) -> None:
    with pytest.raises(errors.ConfigError) as refused:
        checked(column, **entry)
    assert told in refused.value.message
    assert "history = true keeps what each run has seen" in str(refused.value.hint)
    assert refused.value.message.startswith("shop.t: ")


def test_a_mask_that_keeps_no_value_lets_any_type_pass() -> None:
    checked(made("money"), mask={"c": "redact"})
    checked(made("money"), mask={"c": "null"})


def test_another_feed_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="whose changes come from the log") as refused:
        commits.check(config.Table(name="shop.t", history="commits"), "shop.t", [ColumnInfo("id", 1, INT)])
    assert 'set feed = "wal"' in str(refused.value.hint)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, 'shop.t has history = "commits", and no other feed than "wal" tells of commits'),
        ({"sync": {"feed": "wal", "dual": True}}, "which dual = true would put out of order"),
        (
            {"sync": {"feed": "wal"}, "history": "runs"},
            'history is true, which keeps what each run has seen, or "commits"',
        ),
    ],
)
def test_what_does_not_go_with_commits_is_refused_by_the_config(given: dict[str, Any], told: str) -> None:
    entry = {"name": "shop.t", "history": given.pop("history", "commits")}
    with pytest.raises(ValueError, match=re.escape(told)):
        config.Settings(source={"url": "postgresql://localhost/x"}, tables=[entry], **given)
