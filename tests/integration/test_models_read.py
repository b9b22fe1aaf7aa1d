"""Read models as other people's SQL sees them: their columns, and nothing of what lies behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.reporting import opening
from app.reporting import store as reporting
from tests.support import shopfile

MODELS = """
    CREATE SCHEMA models;
    CREATE TABLE models.plain AS SELECT 1 AS id, 'a' AS name;
    CREATE TABLE neaptide."sums of totals" AS SELECT 'x' AS status, 2 AS n, 7 AS neaptide_rows;
    CREATE VIEW models.totals AS SELECT status, n FROM neaptide."sums of totals";
    CREATE VIEW shop.by_the_way AS SELECT neaptide_rows FROM neaptide."sums of totals";
"""
HIDDEN = (
    'FROM neaptide."sums of totals"',
    'FROM reporting.neaptide."sums of totals"',
    'FROM "NEAPTIDE"."Sums Of Totals"',
    "SELECT neaptide_rows FROM models.totals",
    "FROM shop.by_the_way",
    'DESCRIBE neaptide."sums of totals"',
    'SUMMARIZE neaptide."sums of totals"',
    "FROM reporting.models.totals",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[reporting.Store]:
    link = shopfile.build(tmp_path)
    with duckdb.connect(str(link.resolve())) as file:
        file.execute(MODELS)
    with opening.open(link) as found:
        yield found


def test_models_are_read_by_their_names(store: reporting.Store) -> None:
    assert store.query("FROM models.plain").rows == [(1, "a")]
    found = store.query("FROM MODELS.Totals")
    assert (found.columns, found.rows) == (("status", "n"), [("x", 2)])
    assert store.query("SELECT t.n, p.id FROM models.totals t, models.plain p").rows == [(2, 1)]
    assert [row[0] for row in store.query("DESCRIBE models.totals").rows] == ["status", "n"]
    assert {("models", "plain"), ("models", "totals")} <= {*store.tables()}
    with pytest.raises(errors.QueryFailed) as caught:
        store.query("FROM models.total")
    assert "models.totals" in (caught.value.hint or "")


@pytest.mark.parametrize("query", HIDDEN)
def test_what_lies_behind_sums_is_nobody_s_to_read(store: reporting.Store, query: str) -> None:
    with pytest.raises(errors.QueryFailed):
        store.query(query)
