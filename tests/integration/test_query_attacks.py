"""A file in which somebody planted more than tables, and statements made to break the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.reporting import guard, opening
from app.reporting import store as reporting
from tests.support import shopfile

# As somebody may who can write the file: each macro, view or generated column is called like something harmless.
PLANTED = """
CREATE MACRO lower(x) AS 'planted';
CREATE MACRO shop.lower(x) AS 'planted';
CREATE MACRO sum(x) AS (SELECT 'planted' FROM range(1));
CREATE MACRO range(x) AS TABLE SELECT 'planted' AS range;
CREATE MACRO count_star() AS 'planted';
CREATE VIEW shop.harmless AS SELECT lower('A') AS low, sum(1) AS total FROM shop.orders;
CREATE VIEW shop.deep AS SELECT * FROM shop.harmless, neaptide.freshness;
CREATE VIEW shop.blob AS SELECT content FROM read_blob('{file}');
CREATE VIEW shop.files AS FROM glob('*');
CREATE VIEW shop.settings AS FROM duckdb_settings();
CREATE VIEW shop.below AS FROM shop.blob;
CREATE VIEW shop.own_macro AS SELECT reporting.main.lower('A');
CREATE SCHEMA reporting.system; CREATE TABLE reporting.system.duckdb_secrets (planted INTEGER);
CREATE SCHEMA reporting.memory; CREATE TABLE reporting.memory.t (planted INTEGER);
CREATE TABLE duckdb_settings (planted INTEGER);
CREATE TYPE varchar2 AS ENUM ('planted');
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[reporting.Store]:
    folder = tmp_path_factory.mktemp("planted")
    file = folder / "reporting.a.duckdb"
    shopfile.write(file, {})
    with duckdb.connect(str(file)) as connection:
        connection.execute("INSERT INTO shop.orders (number) VALUES ('A'), ('B')")
        for statement in PLANTED.split(";\n"):
            connection.execute(statement.replace("{file}", str(file)))
    with opening.open(file) as opened:
        yield opened


def test_a_function_is_duckdb_s_own_whatever_the_file_holds(store: reporting.Store) -> None:
    assert store.query("SELECT lower('A'), main.lower('A'), [lower(x) FOR x IN ['A']]").rows == [("a", "a", ["a"])]
    assert store.query("SELECT sum(1), count(*) FROM shop.orders").rows == [(2, 2)]
    assert store.query("FROM range(1)").rows == [(0,)]
    with pytest.raises(errors.QueryFailed, match="not allowed here with a schema"):
        store.query("SELECT reporting.main.lower('A')")
    assert store.query("PIVOT shop.orders ON number USING count(*) GROUP BY version").rows == [(None, 1, 1)]


def test_a_view_of_the_file_is_the_query_that_it_is(store: reporting.Store) -> None:
    assert store.query("FROM shop.harmless").rows == [("a", 2)]
    assert store.query("SELECT d.low, d.run_id FROM shop.harmless AS h, shop.deep AS d").rows == [("a", "run-1")]
    for name in ("blob", "files", "settings", "below", "own_macro"):
        with pytest.raises(errors.QueryFailed, match=r"not allowed here|not exist here"):
            store.query(f"FROM shop.{name}")


def test_a_schema_of_the_file_stands_for_no_database(store: reporting.Store) -> None:
    for name in ("system.duckdb_secrets", "memory.t", "reporting.main.own"):
        with pytest.raises(errors.QueryFailed, match="does not exist here"):
            store.query(f"FROM {name}")
    # The file's own table of that name, not the list of settings.
    assert store.query("FROM duckdb_settings").columns == ("planted",)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (FROM b), b AS (SELECT 1) FROM a",
        "WITH a AS (FROM a) FROM a",
        "WITH RECURSIVE a AS (FROM a UNION ALL SELECT 1) FROM a",
        "FROM (WITH a AS (SELECT 1) FROM a), a",
        "WITH a AS (SELECT 1) FROM shop.a",
    ],
)
def test_a_name_means_what_it_means_to_duckdb(store: reporting.Store, sql: str) -> None:
    """Where a common table expression isn't known, its name could be that of anything."""
    with pytest.raises(errors.QueryFailed, match="does not exist here"):
        store.query(sql)


def test_a_text_that_has_an_end_within_is_refused(store: reporting.Store) -> None:
    with pytest.raises(errors.UsageError, match="NUL"):
        store.query("SELECT 1\0; DROP TABLE shop.orders")


def test_a_list_of_tables_is_the_file_s(store: reporting.Store) -> None:
    store.query("FROM shop.orders")
    listed = store.query("SELECT database, schema, name FROM (SHOW ALL TABLES)").rows
    assert {database for database, _, _ in listed} == {"reporting"}
    assert len(set(listed)) == len(listed)
    assert store.query("SELECT count(*) FROM shop.orders").rows == [(2,)]


def test_a_freshness_that_never_ends_or_says_nothing_is_told(tmp_path: Path) -> None:
    for number, query in enumerate(
        (
            "SELECT now() AS as_of, count(*)::VARCHAR AS run_id FROM range(10000000000) a, range(10000000000) b",
            "SELECT 'soon' AS as_of, 'x' AS run_id",
            "SELECT NULL::TIMESTAMPTZ AS as_of, 'x' AS run_id",
        )
    ):
        file = tmp_path / f"{number}.duckdb"
        shopfile.write(file, {})
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"CREATE OR REPLACE VIEW neaptide.freshness AS {query}")
        limits = reporting.Limits(timeout=timedelta(seconds=0.3))
        with pytest.raises((errors.TargetUnusable, errors.QueryTooBig)), opening.open(file, limits=limits):
            pass


BREAKING: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: f"SELECT {'(' * n}1{')' * n}",
    "subqueries": lambda n: f"{'SELECT * FROM (' * n}SELECT 1{')' * n}",
    "scalar subqueries": lambda n: f"SELECT {'(SELECT ' * n}1{')' * n}",
    "sums": lambda n: f"SELECT 1{'+1' * n}",
    "casts": lambda n: f"SELECT 1{'::INT' * n}",
    "lists": lambda n: f"SELECT {'[' * n}1{']' * n}",
    "structs": lambda n: f"SELECT {'{a: ' * n}1{'}' * n}",
    "types": lambda n: f"SELECT NULL::{'STRUCT(a ' * n}INT{')' * n}",
    "functions": lambda n: f"SELECT {'abs(' * n}1{')' * n}",
    "lambdas": lambda n: f"SELECT {'list_transform([1], lambda x: ' * n}1{')' * n}",
    "NOT": lambda n: f"SELECT {'NOT ' * n}true",
    "CASE": lambda n: f"SELECT {'CASE WHEN true THEN ' * n}1{' END' * n}",
    "joins": lambda n: f"SELECT 1 FROM range(1){' JOIN range(1) ON true' * n}",
    "DESCRIBE": lambda n: f"{'DESCRIBE (' * n}SELECT 1{')' * n}",
    "EXPLAIN": lambda n: f"{'EXPLAIN ' * n}SELECT 1",
    "nested comments": lambda n: f"{'/*' * n}{'*/' * n}SELECT 1",
    "comments": lambda n: f"{'/**/' * n}SELECT 1",
    "lines of comment": lambda n: "--\n" * n + "-" * n,
    "semicolons": lambda n: ";" * n,
    "PIVOT": lambda n: f"{'PIVOT (' * n}FROM range(1){') ON x' * n}",
}


@pytest.mark.parametrize("kind", BREAKING)
def test_no_depth_breaks_the_reader(store: reporting.Store, kind: str) -> None:
    with suppress(errors.UsageError, errors.QueryFailed):
        store.query(BREAKING[kind](1_000))
    with pytest.raises((errors.UsageError, errors.QueryFailed)):
        store.query(BREAKING[kind](100_000))
    assert store.query("SELECT 1").rows == [(1,)]


def test_a_statement_of_a_megabyte_runs_or_is_refused(store: reporting.Store) -> None:
    assert store.query(f"SELECT length('{'x' * 999_000}')").rows == [(999_000,)]
    assert store.query(f"SELECT 1 IN ({'1,' * 20_000}1)").rows == [(True,)]
    for sql, why in ((f"SELECT 1 IN ({'1,' * 150_000}1)", "too many parts"), (" " * 1_000_001, "more than 1,000,000")):
        with pytest.raises((errors.UsageError, errors.QueryFailed), match=why):
            store.query(sql)


def test_what_no_one_has_looked_at_is_refused() -> None:
    """A later DuckDB may have kinds of nodes that this one doesn't."""
    for node in ({"class": "NEWS", "type": "NEWS"}, {"type": "NEWS_NODE"}):
        with pytest.raises(errors.QueryFailed, match="NEWS"):
            guard._check_kind(node)
