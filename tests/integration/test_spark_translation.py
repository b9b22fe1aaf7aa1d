"""Every report of the shop has a translation for Spark, with the types that DuckDB gives its columns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.queries import reports
from app.reporting import opening
from app.reporting import store as reporting
from app.spark import statements
from app.spark.oracle import Oracle
from tests.support import shopdata, shopfile, shopmodels

NAMES = list(reports.shop().reports)


class Described:
    """The tables and models of a file."""

    def __init__(self, store: reporting.Store) -> None:
        self._store = store

    def find(self, schema: str, name: str) -> tuple[str, list[tuple[str, str]]] | None:
        rows = self._store.query(f'DESCRIBE "{schema}"."{name}"').rows
        return f"{schema}_{name}", [(str(row[0]), str(row[1])) for row in rows]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[reporting.Store]:
    link = shopfile.build(tmp_path_factory.mktemp("file"), shopdata.draw(9, customers=5, orders=9).tables)
    shopmodels.build(link)
    with opening.open(link) as opened:
        yield opened


@pytest.mark.few(3)
@pytest.mark.parametrize("name", NAMES)
def test_a_report_can_be_carried_over(store: reporting.Store, name: str) -> None:
    report = reports.shop().get(name)
    values = reports.bound(store, report, {})
    texts = [report.sql, *([report.instead.sql] if report.instead else [])]
    with Oracle() as oracle:
        for text in texts:
            given = {key: value for key, value in values.items() if f"${key}" in text}
            found = statements.translated(oracle, text, given, Described(store))
            assert found.types == store.query(text, given).types
