"""Which tables an entry means, and what each is called in the file."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app import config, errors
from jobs.tables import patterns
from jobs.tables.patterns import Pattern


@pytest.mark.parametrize(
    ("text", "wild", "like"),
    [
        ("shop.orders", False, ("shop", "orders")),
        ("orders", False, ("public", "orders")),
        ("shop.*", True, ("shop", "%")),
        ("*.orders", True, ("%", "orders")),
        ("s*p.o*r*", True, ("s%p", "o%r%")),
        ("a_b.c%d*", True, ("a\\_b", "c\\%d%")),
        ("a\\b.*", True, ("a\\\\b", "%")),
        ('"s.x".*', True, ("s.x", "%")),
        ('shop."*"', False, ("shop", "*")),
        ('*."a*""b"', True, ("%", 'a*"b')),
        ('"Shop".Orders', False, ("Shop", "Orders")),
    ],
)
def test_a_name_becomes_a_pattern_for_postgresql(text: str, wild: bool, like: tuple[str, str]) -> None:
    found = Pattern.parse(text)
    assert (found.is_wild, found.like()) == (wild, like)
    assert config.Table(name=text).is_pattern is wild


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("shop.*", [("shop", "a"), ("shop", "a.b\nc")], [("shops", "a"), ("Shop", "a")]),
        ("*", [("public", "a")], [("shop", "a")]),
        ("*.*", [("a", "b"), ("", "")], []),
        ("shop.o*s", [("shop", "orders"), ("shop", "os")], [("shop", "order"), ("shop", "xos")]),
        ("shop.a_b*", [("shop", "a_b"), ("shop", "a_bc")], [("shop", "axb")]),
        ("shop.a.b", [("shop", "a.b")], [("shop", "axb")]),
        ('shop."*"', [("shop", "*")], [("shop", "a")]),
    ],
)
def test_a_pattern_matches_whole_names_to_the_letter(
    text: str, matching: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    found = Pattern.parse(text)
    assert all(found.matches(*name) for name in matching)
    assert not any(found.matches(*name) for name in other)
    # What PostgreSQL is asked for is the same.
    likes = [re.compile(_as_regex(part, found.is_wild), re.DOTALL) for part in found.like()]
    for names, expected in ((matching, True), (other, False)):
        for name in names:
            assert all(like.fullmatch(part) for like, part in zip(likes, name, strict=True)) is expected


def _as_regex(like: str, wild: bool) -> str:
    """What LIKE means."""
    if not wild:
        return re.escape(like)
    pieces = re.findall(r"\\.|.", like, re.DOTALL)
    special = {"%": ".*", "_": "."}
    return "".join(special.get(piece, re.escape(piece[-1])) for piece in pieces)


@pytest.mark.parametrize(
    ("entry", "everywhere", "excluded"),
    [
        ({"name": "shop.*"}, [], False),
        ({"name": "shop.*"}, ["shop.log*"], True),
        ({"name": "shop.*"}, ["*.log"], True),
        ({"name": "shop.*"}, ["log"], False),
        ({"name": "shop.*", "exclude": ["log"]}, [], True),
        ({"name": "shop.*", "exclude": ["other.log"]}, [], False),
        ({"name": "shop.*", "exclude": ["l*"]}, [], True),
        ({"name": "shop.log"}, ["shop.orders"], False),
    ],
)
def test_a_table_is_left_out(entry: dict[str, Any], everywhere: list[str], excluded: bool) -> None:
    assert patterns.is_excluded(config.Table(**entry), everywhere, "shop", "log") is excluded


def test_an_entry_for_what_the_config_excludes_is_a_contradiction() -> None:
    with pytest.raises(errors.ConfigError, match=r"shop\.log is among the \[\[tables\]\] and in exclude"):
        patterns.is_excluded(config.Table(name="shop.log"), ["shop.l*"], "shop", "log")


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"name": "shop.orders"}, ("shop", "orders")),
        ({"name": "shop.orders", "rename": "crm.Orders"}, ("crm", "Orders")),
        ({"name": "shop.orders", "rename": "orders"}, ("public", "orders")),
        ({"name": "shop.*", "rename": "crm.*"}, ("crm", "orders")),
        ({"name": "*.orders", "rename": '"a.b".*'}, ("a.b", "orders")),
    ],
)
def test_a_table_has_its_own_name_in_the_file_or_another(entry: dict[str, Any], name: tuple[str, str]) -> None:
    assert patterns.name_in_file(config.Table(**entry), "shop", "orders") == name


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("shop", None),
        ("neaptide", "the schema neaptide is taken"),
        ("TEMP", "the schema TEMP is taken"),
        ("pg_catalog", "is taken"),
        ("information_schema", "is taken"),
        ("system", "is taken"),
        ("Reporting", "the schema Reporting is called like the file"),
        ("reporting2", None),
    ],
)
def test_a_schema_that_duckdb_has_of_its_own_is_refused(schema: str, told: str | None) -> None:
    found = patterns.problem((schema, "t"), "reporting")
    assert (found is None) is (told is None)
    assert found is None or (told in found.message and "rename" in (found.hint or ""))


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([("shop", "a"), ("shop", "b")], {}),
        ([("shop", "Ä"), ("shop", "ä")], {}),
        ([("shop", "a"), ("shop", "A")], dict.fromkeys([("shop", "a"), ("shop", "A")], "the tables shop.A and shop.a")),
        ([("shop", "a"), ("shop", "a")], {("shop", "a"): "the tables shop.a"}),
        ([("shop", "a"), ("Shop", "b")], dict.fromkeys([("shop", "a"), ("Shop", "b")], "the schemas Shop and shop")),
        ([("a.b", "c"), ("a.B", "c"), ("x", "y")], dict.fromkeys([("a.b", "c"), ("a.B", "c")], "the tables")),
    ],
)
def test_names_that_duckdb_can_not_tell_apart_are_refused_both(
    targets: list[tuple[str, str]], told: dict[tuple[str, str], str]
) -> None:
    found = patterns.twins(targets)
    assert found.keys() == told.keys()
    assert all(told[target] in error.message for target, error in found.items())
