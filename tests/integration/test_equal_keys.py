"""What PostgreSQL holds equal and what DuckDB does, over pairs of values of every type that may be a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from jobs.types import column_plan
from tests.support import cluster, keytypes, typelab

KINDS = keytypes.VALUES


def prepare(url: str) -> bool:
    """The types; whether the server has a collation that holds different texts equal."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(keytypes.SETUP.encode())
        conn.execute(keytypes.OBJECTS.encode())
        try:
            conn.execute(keytypes.CASELESS.encode())
        except psycopg.errors.FeatureNotSupported:
            return False
    return True


@pytest.fixture(scope="module")
def lab(postgres: cluster.Cluster) -> Iterator[typelab.Lab]:
    url = postgres.create_database()
    prepare(url)
    found = typelab.Lab(url)
    yield found
    found.close()
    postgres.drop_database(url)


def test_no_type_that_may_be_a_key_is_left_out(lab: typelab.Lab) -> None:
    kinds = lab.postgres.execute(
        "SELECT format_type(t.oid, NULL) FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid"
        " WHERE t.typisdefined AND t.typtype IN ('b', 'c', 'd', 'e', 'm', 'r') AND t.typcategory <> 'A'"
        " AND (t.typrelid = 0 OR (c.relkind = 'c' AND t.typnamespace = 'public'::regnamespace))"
        " AND t.typnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace)"
    ).fetchall()
    kinds = [kind.removeprefix("public.") for (kind,) in kinds]
    bare = {kind.split("(")[0] for kind in KINDS}
    left = {kind for kind in kinds if _may_be_key(lab, kind)} - bare - keytypes.WITHOUT_VALUES
    # As they are named without a length.
    assert left - {"bit"} == set()


def _may_be_key(lab: typelab.Lab, kind: str) -> bool:
    try:
        made = f"CREATE TEMP TABLE maybe (k {kind} PRIMARY KEY); DROP TABLE maybe"
        lab.postgres.execute(f"SET search_path = pg_catalog, public; {made}".encode())
    except psycopg.Error:
        return False
    finally:
        lab.postgres.execute("SET search_path = pg_catalog, pg_temp")
    return True


def _pairs(rows: list[tuple[Any, ...]]) -> set[tuple[int, int]]:
    return {(one, other) for one, other, equal in rows if equal}


@pytest.mark.parametrize("kind", KINDS)
def test_duckdb_holds_two_keys_equal_only_where_postgresql_does(lab: typelab.Lab, kind: str) -> None:
    fill(lab.postgres, kind)
    # By the type's own equality, which need not be in sight.
    theirs = _pairs(_paired(lab, "ROW(a.v)::record = ROW(b.v)::record", postgres=True))
    plan = _copied(lab, key=True)
    ours = _pairs(_paired(lab, "a.v = b.v"))
    assert ours <= theirs
    assert not plan.same_equality or ours == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_two_values_are_told_apart_wherever_they_differ(lab: typelab.Lab, kind: str) -> None:
    fill(lab.postgres, kind)
    # But for blanks that pad a text, these are the bytes.
    same = "a.v = b.v" if kind == "bpchar" else "ROW(a.v)::record *= ROW(b.v)::record"
    theirs = _pairs(_paired(lab, same, postgres=True))
    for key in (True, False):
        exact = _copied(lab, key=key).exact_sql
        test = " IS NOT DISTINCT FROM ".join(exact.replace('"v"', f"{row}.v") for row in "ab")
        hashed = " = ".join(f"hash({exact})".replace('"v"', f"{row}.v") for row in "ab")
        # A name is no more than what is shown of an object.
        if key or not kind.startswith("reg"):
            assert _pairs(_paired(lab, test)) == _pairs(_paired(lab, hashed)) == theirs


def _copied(lab: typelab.Lab, *, key: bool) -> column_plan.ColumnPlan:
    number, info = lab.columns("public.t")
    plan = column_plan.plan_column(info, key=key)
    lab.copy("public.t", [column_plan.plan_column(number), plan])
    return plan


def fill(conn: psycopg.Connection[Any], kind: str) -> None:
    """A table t of all values of the type."""
    # Only here: a reading session names types and objects with their schema.
    conn.execute("SET search_path = pg_catalog, public")
    conn.execute("DROP TABLE IF EXISTS public.t")
    conn.execute(f"CREATE TABLE public.t (n integer, v {kind})".encode())
    values = ", ".join(f"({n}, {keytypes.value(kind, text)})" for n, text in enumerate(KINDS[kind]))
    conn.execute(f"INSERT INTO public.t VALUES {values}".encode())
    conn.execute("SET search_path = pg_catalog, pg_temp")


def _paired(lab: typelab.Lab, test: str, *, postgres: bool = False) -> list[tuple[Any, ...]]:
    query = "SELECT a.n, b.n, {} FROM {} AS a, {} AS b"
    if postgres:
        return lab.postgres.execute(query.format(test, "public.t", "public.t").encode()).fetchall()
    return lab.duckdb.execute(query.format(test, "copy", "copy")).fetchall()
