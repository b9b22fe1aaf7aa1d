"""Columns are read from the catalogue with all that plans and schema changes need."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from jobs.types import column_plan

_SCHEMA = """
    CREATE TYPE mood AS ENUM ('sad', 'so so');
    ALTER TYPE mood ADD VALUE 'bad' BEFORE 'so so';
    CREATE TYPE pair AS (a integer, "B c" numeric(5, 2)[]);
    CREATE DOMAIN price AS numeric(10, 2) NOT NULL;
    CREATE DOMAIN cheap AS price;
    CREATE TABLE one (
        id bigint GENERATED ALWAYS AS IDENTITY,
        gone integer,
        "Amount" cheap,
        twice numeric GENERATED ALWAYS AS (2 * 3) STORED,
        moods mood[][] DEFAULT '{}',
        pair pair NOT NULL,
        label text COLLATE "C",
        span tstzrange
    );
    ALTER TABLE one DROP COLUMN gone;
    CREATE TABLE two (a integer);
"""


Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def conn(empty_db: str) -> Iterator[Connection]:
    with psycopg.connect(empty_db, autocommit=True) as found:
        found.execute(_SCHEMA)
        yield found


def _relid(conn: Connection, name: str) -> int:
    row = conn.execute("SELECT %s::regclass::oid", (name,)).fetchone()
    assert row is not None and isinstance(row[0], int)
    return row[0]


def test_live_columns_come_in_order_with_identity_default_and_collation(
    conn: Connection,
) -> None:
    found = column_plan.read_columns(conn, _relid(conn, "one"))
    assert [(info.name, info.attnum, info.type_name) for info in found] == [
        ("id", 1, "bigint"), ("Amount", 3, "cheap"), ("twice", 4, "numeric"), ("moods", 5, "mood[]"),
        ("pair", 6, "pair"), ("label", 7, "text"), ("span", 8, "tstzrange"),
    ]  # fmt: skip
    by_name = {info.name: info for info in found}
    assert (by_name["id"].identity, by_name["id"].not_null) == ("a", True)
    assert (by_name["twice"].generated, by_name["twice"].default) == ("s", "(2 * 3)")
    assert by_name["moods"].default == "'{}'::mood[]"
    assert by_name["moods"].dims == 2
    assert (by_name["label"].collation, by_name["label"].deterministic) == ("C", True)
    assert (by_name["span"].collation, by_name["span"].default) == (None, None)


def test_a_type_comes_with_all_it_is_built_from(conn: Connection) -> None:
    by_name = {info.name: info for info in column_plan.read_columns(conn, _relid(conn, "one"))}
    amount = by_name["Amount"].type
    assert amount.base is not None and amount.base.type_name == "price"
    assert (amount.resolved.name, amount.resolved.type_name) == ("numeric", "numeric(10,2)")
    element = by_name["moods"].element
    assert element is not None and element.labels == ("sad", "bad", "so so")
    (name, first), (quoted, second) = by_name["pair"].attributes
    assert (name, first.type_name, quoted, second.type_name) == ("a", "integer", "B c", "numeric(5,2)[]")
    assert second.element is not None and second.element.typmod == second.typmod
    assert by_name["span"].type.subtype is not None and by_name["span"].type.subtype.name == "timestamptz"


def test_many_tables_are_read_at_once_and_an_unknown_one_has_no_columns(
    conn: Connection,
) -> None:
    one, two = _relid(conn, "one"), _relid(conn, "two")
    found = column_plan.read_columns_many(conn, [two, one, 4_000_000_000])
    assert {relid: len(infos) for relid, infos in found.items()} == {two: 1, one: 7, 4_000_000_000: 0}
    assert column_plan.read_columns_many(conn, []) == {}


def test_a_domain_that_refuses_null_makes_its_column_not_null(conn: Connection) -> None:
    conn.execute("CREATE TABLE three (p price)")
    assert column_plan.read_columns(conn, _relid(conn, "three"))[0].not_null
