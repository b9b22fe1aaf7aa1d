"""`import neaptide`, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import neaptide
from neaptide import errors


@pytest.fixture
def config(tmp_path: Path, empty_db: str) -> Iterator[Path]:
    """A project with one table that is compared whole, and one report."""
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("CREATE TABLE sale (id int PRIMARY KEY, day date NOT NULL, amount numeric(10, 2) NOT NULL)")
        conn.execute("INSERT INTO sale VALUES (1, '2026-01-31', 7.50), (2, '2026-02-01', 1.25)")
    path = tmp_path / "config.toml"
    path.write_text(f'[source]\nurl = "{empty_db}"\n[[tables]]\nname = "sale"\nwatermark = "none"\n')
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "sales.sql").write_text(
        "-- param: from date = none\n-- param: large boolean = no\n"
        "SELECT sum(amount) AS amount FROM public.sale WHERE day >= coalesce($from, day) AND (amount > 5 OR NOT $large)"
    )
    yield path


def test_a_project_is_synced_asked_and_reported_on(config: Path, empty_db: str) -> None:
    with neaptide.Project(config) as project:
        with pytest.raises(errors.NoReportingFile), project.open():
            pass
        assert project.sync().changed
        assert not project.sync().changed
        assert not project.sync("public.sale").changed
        with project.open(max_staleness=timedelta(hours=1)) as file:
            assert file.tables() == [("public", "sale")]
            assert file.query("SELECT id FROM public.sale WHERE amount > $least", {"least": 5}).records() == [{"id": 1}]
            assert [str(row[0]) for row in file.report("sales").rows] == ["8.75"]
            assert [str(row[0]) for row in file.report("sales", from_=date(2026, 2, 1)).rows] == ["1.25"]
            assert [str(row[0]) for row in file.report("sales", from_=None, large=True).rows] == ["7.50"]
            assert (datetime.now(UTC) - file.as_of) < timedelta(hours=1)
            before = file.run_id
        with psycopg.connect(empty_db, autocommit=True) as conn:
            conn.execute("DELETE FROM sale WHERE id = 1")
        with project.open(max_staleness="0s", timeout="1m") as file:
            assert file.query("SELECT count(*) FROM public.sale").rows == [(1,)]
            assert file.run_id != before
        with project.open(live=True) as file:
            assert file.query("SELECT count(*) FROM public.sale").rows == [(1,)]


def test_open_syncs_a_project_that_never_was(config: Path) -> None:
    with neaptide.open(config, max_staleness="10s") as file:
        assert file.query("SELECT count(*) FROM public.sale").rows == [(2,)]


def test_what_is_wrong_is_an_error_of_neaptide_s(config: Path) -> None:
    with pytest.raises(errors.ConfigError), neaptide.open(config.with_name("none.toml")):
        pass
    with pytest.raises(errors.UsageError, match="soon"), neaptide.open(config, max_staleness="soon"):
        pass
    with neaptide.open(config, max_staleness="0s") as file:
        with pytest.raises(errors.UnknownReport):
            file.report("sale")
        with pytest.raises(errors.BadParameter):
            file.report("sales", form="2026-01-01")
        with pytest.raises(errors.UsageError):
            file.query("DELETE FROM public.sale")
