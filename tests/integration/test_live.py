"""`--live`: the file's answers from PostgreSQL itself, in one snapshot, and no way to anything else."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app import bootstrap, errors
from app.oltp import migrations
from app.queries import reports
from app.reporting import store as reporting
from jobs import live
from tests.bench import shop
from tests.support import daemons
from tests.support.syncing import Lab

TABLE = """
CREATE TABLE public.item (
    id bigint PRIMARY KEY, name text, price numeric(12, 2), wide numeric, seen timestamptz, tags text[],
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
ROWS = """
INSERT INTO public.item (id, name, price, wide, seen, tags) VALUES
(1, 'one', 1.50, 12345678901234567890.123456789, 'infinity', '{a,b}'), (2, NULL, NULL, NULL, NULL, NULL)
"""
QUERY = "SELECT id, name, price, wide, seen, tags FROM public.item ORDER BY id"

ATTACKS = [
    "SELECT * FROM pg.public.secret",
    "SELECT * FROM public.secret",
    "SELECT * FROM secret",
    "SELECT * FROM postgres_query('pg', 'SELECT word FROM secret')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'secret')",
    "SELECT (SELECT word FROM pg.public.secret)",
    "SELECT * FROM public.item WHERE EXISTS (SELECT * FROM pg.public.secret)",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_secrets()",
    "FROM duckdb_views",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_views",
    "WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views",
    "SELECT * FROM query_table('pg.public.secret')",
    "SELECT * FROM query('SELECT * FROM pg.public.secret')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "CALL postgres_execute('pg', 'DROP TABLE secret')",
    "ATTACH ':memory:' AS other",
    "DROP VIEW public.item",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT 1; SELECT 2",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "SHOW ALL TABLES",
    "FROM (SHOW ALL TABLES)",
    "SHOW TABLES FROM pg.public",
    "DESCRIBE public.secret",
    "EXPLAIN SELECT * FROM public.item",
    "SELECT * FROM memory.public.item",
    "SELECT * FROM public.item UNION ALL SELECT * FROM pg.public.item",
    "SELECT * FROM read_blob('x')",
    "SELECT current_setting('pg_debug_show_queries')",
    "PIVOT pg.public.secret ON word USING count(*)",
]


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table with values that DuckDB's own reading of PostgreSQL would change, and one that isn't copied."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found.run(TABLE, ROWS, "CREATE TABLE public.secret AS SELECT 'hidden' AS word")
    found.track()
    return found


def test_the_same_query_gives_the_same_rows_and_types_as_the_file(lab: Lab) -> None:
    lab.sync()
    settings = bootstrap.load_settings(daemons.write_config(lab))
    with bootstrap.reporting_file(settings) as store, bootstrap.live(settings) as live:
        file, source = store.query(QUERY), live.query(QUERY)
        assert (file.columns, file.types, file.rows) == (source.columns, source.types, source.rows)
        short = QUERY.replace("public.item", "Item")
        assert store.query(short).rows == file.rows == live.query(short).rows
        assert live.as_of > store.as_of


def test_all_queries_of_a_store_see_one_snapshot_with_what_was_committed_before(lab: Lab) -> None:
    with open_live(lab) as live:
        lab.run("INSERT INTO public.item (id) VALUES (3)")
        assert live.query("SELECT count(*) FROM public.item").rows == [(2,)]
    with open_live(lab) as live:
        assert live.query("SELECT count(*) FROM public.item").rows == [(3,)]
        [(as_of, run_id)] = live.query("SELECT as_of, run_id FROM neaptide.freshness").rows
        assert (as_of, run_id) == (live.as_of, "live")


def test_expressions_parameters_and_row_makers_work(lab: Lab) -> None:
    with open_live(lab) as live:
        query = """
            WITH known AS (SELECT id FROM public.item WHERE id <= $most), numbered AS (SELECT * FROM known)
            SELECT n.id, r.range FROM numbered AS n, range(2) AS r ORDER BY ALL
        """
        assert live.query(query, {"most": 1}).rows == [(1, 0), (1, 1)]


def test_nothing_but_the_config_s_tables_can_be_read(lab: Lab) -> None:
    with open_live(lab) as live:
        for attack in ATTACKS:
            # Each is refused before it reaches DuckDB: one that failed there would take the others with it.
            with pytest.raises((errors.UsageError, errors.QueryFailed)) as caught:
                live.query(attack)
            assert "hidden" not in caught.value.message
            assert live.query("SELECT count(*) FROM public.item").rows == [(2,)], attack


def test_no_password_shows(lab: Lab) -> None:
    password = lab.url.split(":")[2].split("@")[0]
    with open_live(lab) as live:
        for query in ("SELECT * FROM public.item", "SELECT nothing FROM public.item", "SELECT 1/0 FROM nowhere"):
            try:
                shown = str(live.query(query))
            except errors.NeaptideError as error:
                shown = f"{error.message} {error.hint}"
            assert password not in shown


def open_live(lab: Lab) -> AbstractContextManager[reporting.Store]:
    return bootstrap.live(bootstrap.load_settings(daemons.write_config(lab)))


def test_only_signed_extensions_are_loaded_where_other_people_s_sql_runs(lab: Lab) -> None:
    with live.open(lab.job) as store:
        assert store.query("SELECT current_setting('allow_unsigned_extensions')").rows == [(False,)]


@pytest.mark.long
def test_every_report_says_the_same_as_on_the_file(empty_db: str, tmp_path: Path) -> None:
    migrations.migrate(empty_db)
    shop.fill(empty_db, 1_000)
    lab = Lab(empty_db, tmp_path, [{"name": f"shop.{name}"} for name in shop.TABLES])
    lab.track()
    lab.sync()
    settings = bootstrap.load_settings(daemons.write_config(lab))
    with bootstrap.reporting_file(settings) as store, bootstrap.live(settings) as source:
        for report in reports.shop().reports.values():
            zone = {"timezone": "America/St_Johns"} if "$timezone" in report.sql else {}
            file, now = reports.run(store, report, zone), reports.run(source, report, zone)
            assert (file.columns, file.types, file.rows) == (now.columns, now.types, now.rows), report.name
            assert file.rows or report.name in ("basket_pairs", "overdue_instalments"), report.name
