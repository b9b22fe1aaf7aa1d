"""Whatever is carried over gives the same on Spark to the last digit, over values that engines disagree on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import errors
from app.reporting import store as reporting
from app.spark.store import SparkStore
from tests.support import sparklab
from tests.support.cluster import Cluster
from tests.support.sparkcluster import StandaloneCluster

_FOLDER = Path(__file__).parent


def _statements(file: str) -> list[str]:
    """The statements of a file beside this one."""
    text = (_FOLDER / file).read_text(encoding="utf-8").partition("\n")[2]
    return [one.strip() for one in text.split(";\n") if one.strip()]


def _groups(file: str, size: int) -> list[str]:
    """Several expressions to a statement: a question takes Spark a second, however small it is."""
    expressions = (_FOLDER / file).read_text(encoding="utf-8").splitlines()[1:]
    return [", ".join(expressions[start : start + size]) for start in range(0, len(expressions), size)]


@pytest.fixture(scope="module")
def stores(
    postgres: Cluster, standalone: StandaloneCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[reporting.Store, SparkStore]]:
    with sparklab.made(postgres, tmp_path_factory.mktemp("odd"), *_statements("tables.sql")) as lab:
        lab.run(*_statements("inlined.sql"), inlining=100)
        with sparklab.on_spark(lab, standalone.url) as found:
            yield found


def check(stores: tuple[reporting.Store, SparkStore], sql: str) -> None:
    base, spark = stores
    expected, found = base.query(sql), spark.query(sql)
    wrong = [pair for pair in zip(expected.rows, found.rows, strict=False) if repr(pair[0]) != repr(pair[1])]
    assert sparklab.same(expected, found), (sql, expected.types, found.types, wrong[:3])


@pytest.mark.parametrize("listed", _groups("expressions.sql", 12))
def test_expressions_are_the_same(stores: tuple[reporting.Store, SparkStore], listed: str) -> None:
    check(stores, f"SELECT id, {listed} FROM s.t ORDER BY id")


@pytest.mark.parametrize("listed", _groups("times.sql", 10))
def test_times_are_the_same(stores: tuple[reporting.Store, SparkStore], listed: str) -> None:
    check(stores, f"SELECT id, {listed} FROM s.t WHERE id < 500 ORDER BY id")


@pytest.mark.parametrize("sql", _statements("statements.sql"))
def test_statements_are_the_same(stores: tuple[reporting.Store, SparkStore], sql: str) -> None:
    check(stores, sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT CAST(tz AS DATE) FROM s.t", "infinity"),
        ("SELECT date_trunc('month', day) FROM s.t", "infinity"),
        ("SELECT tz AT TIME ZONE 'Europe/Berlin' FROM s.t", "after 2100"),
        ("SELECT CAST(b AS DECIMAL(38,0)) * 10000000 = f FROM s.t", "too long to be the same DOUBLE"),
        ("SELECT upper(v) FROM s.t", "beyond Latin-1"),
        ("SELECT unnest(generate_series(DATE '2024-01-31', max(day), INTERVAL 1 month)) FROM s.t WHERE id < 9", "28th"),
        ("SELECT CAST(b * 1000000 AS INTEGER) FROM s.t", "Spark: "),
    ],
)
def test_a_value_that_cant_be_the_same_ends_the_query(
    stores: tuple[reporting.Store, SparkStore], sql: str, said: str
) -> None:
    with pytest.raises(errors.NeaptideError) as caught:
        stores[1].query(sql)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert "java" not in caught.value.message.lower()
