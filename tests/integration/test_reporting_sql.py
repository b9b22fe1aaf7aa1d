"""Ad-hoc SQL: what may run on the reporting file, and what may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.reporting import opening
from app.reporting import store as reporting
from tests.support import shopdata, shopfile

READING = [
    "SELECT 1",
    "  select 1;  ",
    "-- why\nSELECT 1",
    "WITH one AS (SELECT 1) SELECT * FROM one",
    "FROM shop.orders",
    "TABLE shop.orders",
    "VALUES (1)",
    "DESCRIBE shop.orders",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SUMMARIZE shop.orders",
    "PIVOT shop.orders ON status USING COUNT(*)",
    "WITH counted AS (PIVOT shop.orders ON status USING COUNT(*)) SELECT * FROM counted",
    "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "/* c */ EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1",
    "SELECT as_of FROM neaptide.freshness",
    "SELECT 'INSERT INTO; DROP TABLE' AS text",
    "SELECT query FROM (SELECT 1 AS query)",
    "EXPLAIN (SELECT 1)",
    "EXPLAIN FROM shop.orders;",
    "SHOW shop.orders",
    "SELECT schema, name FROM (SHOW ALL TABLES) WHERE schema = 'shop'",
    "SELECT * FROM (DESCRIBE shop.orders)",
    "FROM reporting.shop.orders",
    "SELECT shop.orders.total FROM shop.orders",
    "PIVOT shop.orders ON status, currency USING sum(total) AS s, count(*) GROUP BY version -- why",
    "PIVOT (FROM shop.orders JOIN shop.payments USING (currency)) ON method USING count(*) GROUP BY status",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t",
    "WITH RECURSIVE t(n, m) USING KEY (n) AS (SELECT 1, 1 UNION SELECT n, m + 1 FROM recurring.t WHERE m < 5) FROM t",
    "WITH a AS (SELECT 1 x), b AS (FROM a) FROM b, (WITH c AS (FROM b) FROM c)",
    "SELECT unnest([1]), t AT TIME ZONE 'Europe/Berlin', [x FOR x IN [1]], 4!, 'a' COLLATE de FROM (SELECT now() AS t)",
    "SELECT sum(total) FILTER (WHERE true), list(DISTINCT status ORDER BY status), grouping(status) FROM shop.orders"
    " GROUP BY ROLLUP (status)",
    "SELECT lag(total) OVER w, COLUMNS('to.*') FROM shop.orders WINDOW w AS (ORDER BY total) QUALIFY true LIMIT 50%",
    "SELECT 1::DECIMAL(10,2), NULL::STRUCT(a INTEGER), NULL::MAP(VARCHAR, INTEGER[3]), NULL::ENUM('a')",
    "FROM (FROM shop.orders TABLESAMPLE 10%) AS o ASOF JOIN shop.payments AS p ON o.placed_at <= p.paid_at",
    "FROM json_each('{\"a\": 1}')",
    "--\rSELECT 1",
    "SELECT\u00a0\u200b1",
]

REFUSED = [
    "INSERT INTO shop.orders (number) VALUES ('x')",
    "UPDATE shop.orders SET total = 0",
    "DELETE FROM shop.orders",
    "MERGE INTO shop.orders USING (SELECT 1) ON false WHEN NOT MATCHED THEN INSERT (number) VALUES ('x')",
    "TRUNCATE shop.orders",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE TEMP MACRO f() AS 1",
    "CREATE TEMP TYPE t AS ENUM ('a')",
    "DROP TABLE shop.orders",
    "ALTER TABLE shop.orders ADD COLUMN x INTEGER",
    "ATTACH ':memory:' AS other",
    "ATTACH '{folder}/other.duckdb'",
    "DETACH reporting",
    "USE shop",
    "COPY shop.orders TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{file}'",
    "COPY shop.orders FROM '/etc/passwd'",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}/out'",
    "COPY FROM DATABASE reporting TO memory",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}.wal'",
    "/**/ EXPLAIN --\n ANALYZE COPY (SELECT 1) TO '{file}.wal'",
    "EXPLAIN (ANALYZE, FORMAT JSON) COPY (SELECT 1) TO '{file}.wal'",
    "EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1",
    "EXPLAIN ANALYZE DELETE FROM shop.orders",
    "SET threads = 1",
    "SET TimeZone = 'Asia/Tokyo'",
    "RESET enable_external_access",
    "SET VARIABLE x = 1",
    "PRAGMA enable_profiling",
    "PRAGMA import_database('{folder}/out')",
    "PRAGMA copy_database('a', 'b')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "COMMIT",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "CREATE SECRET (TYPE s3)",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE shop.orders",
    "PIVOT shop.orders ON status; DROP TABLE shop.orders",
    "",
    "   -- nothing",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "SELECT * FROM \"enable_logging\"(level = 'trace')",
    "SELECT * FROM main . disable_logging ()",
    "SELECT write_log('x')",
    "FROM enable_profiling(save_location = '{folder}/profile')",
    "FROM checkpoint()",
    "FROM force_checkpoint/* */('reporting')",
    "FROM query('FROM enable_logging()')",
    "FROM QUERY -- c\n ('SELECT 1')",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM disable_logging()'))",
    "EXPLAIN /* /* */ ANALYZE SELECT 1 -- */ ANALYZE COPY (SELECT 'x') TO '{file}.wal' (USE_TMP_FILE false)",
    "/* /* */ SELECT 1 -- */ COPY (SELECT 'x') TO '{file}.wal'",
    "EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}.wal'",
    "EXPLAIN (FORMAT JSON, ANALYZE) CREATE TABLE x AS SELECT 1",
    "EXPLAIN (ANALYZE) (COPY (SELECT 1) TO '{file}.wal')",
    "EXPLAIN ANALYZE PIVOT shop.orders ON status",
    "PRAGMA database_list",
    "PRAGMA show_tables_expanded",
    "PRAGMA show_databases",
    "PRAGMA table_info('shop.orders')",
    "PRAGMA storage_info('shop.orders')",
    "SHOW DATABASES",
    "SHOW SCHEMAS",
    "SHOW VARIABLES",
    "FROM (SHOW DATABASES)",
    "SHOW TABLES FROM system.main",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM duckdb_settings",
    "FROM duckdb_tables",
    "FROM pg_catalog.pg_settings",
    "FROM system.main.duckdb_settings",
    "FROM information_schema.tables",
    "FROM sqlite_master",
    "FROM main.sqlite_master",
    "FROM memory.main.duckdb_tables",
    "FROM temp.sqlite_master",
    "FROM reporting.neaptide.freshness",
    "WITH duckdb_settings AS (FROM duckdb_settings) FROM duckdb_settings",
    "WITH RECURSIVE duckdb_tables AS (FROM duckdb_tables UNION ALL FROM duckdb_tables) FROM duckdb_tables",
    "SELECT * FROM (WITH sqlite_master AS (SELECT 1) FROM sqlite_master), sqlite_master",
    "WITH a AS (FROM b), b AS (SELECT 1) FROM a",
    "WITH RECURSIVE t AS (FROM t UNION ALL SELECT 1) FROM t",
    "FROM pragma_table_info('shop.orders')",
    "FROM pragma_storage_info('shop.orders')",
    "FROM query_table('shop.orders')",
    "FROM query_table(['shop.orders'])",
    "FROM histogram('shop.orders', 'total')",
    "FROM summary((FROM shop.orders))",
    "FROM seq_scan('shop.orders')",
    "FROM which_secret('s3://x', 's3')",
    "FROM parquet_metadata('{file}')",
    "FROM read_blob('{file}')",
    "FROM '{file}'",
    "FROM read_blob\u200b('{file}')",
    "--\rFROM read_blob('{file}')",
    "FROM\u00a0read_blob('{file}')",
    "FROM main.read_blob('{file}')",
    "FROM system.main.read_blob('{file}')",
    "FROM \"read_blob\"('{file}')",
    "FROM READ_BLOB('{file}')",
    "SELECT (FROM read_blob('{file}') SELECT content LIMIT 1)",
    "SELECT list_transform([1], x -> (SELECT content FROM read_blob('{file}')))",
    "SELECT 1 ORDER BY (SELECT 1 FROM read_blob('{file}'))",
    "SELECT 1 LIMIT (SELECT count(*) FROM read_blob('{file}'))",
    "SELECT 1 WHERE EXISTS (FROM glob('/*'))",
    "SELECT sum(1) OVER (ORDER BY (SELECT 1 FROM glob('/*')))",
    "SELECT sum(1) FILTER (WHERE (SELECT true FROM glob('/*')))",
    "VALUES ((SELECT 1 FROM glob('/*')))",
    "FROM range((SELECT count(*) FROM glob('/*')))",
    "FROM shop.orders JOIN glob('/*') ON true",
    "FROM shop.orders, LATERAL (FROM glob('/*'))",
    "SELECT 1 UNION ALL SELECT 1 FROM glob('/*')",
    "PIVOT glob('/*') ON file USING count(*)",
    "PIVOT (FROM glob('/*')) ON file USING count(*)",
    "PIVOT shop.orders ON (SELECT file FROM glob('/*')) USING count(*)",
    "PIVOT shop.orders ON status USING sum(getvariable('x')::INT)",
    "UNPIVOT (FROM glob('/*')) ON file",
    "SUMMARIZE FROM glob('/*')",
    "DESCRIBE FROM glob('/*')",
    "SELECT getvariable('x')",
    "SELECT current_setting('home_directory')",
    "SELECT current_setting('s3_' || 'secret_access_key')",
    "SELECT stats(total) FROM shop.orders",
    "SELECT nextval('s')",
    "SELECT json_serialize_plan('FROM glob(''/*'')')",
    "SELECT get_block_size('reporting')",
    "SELECT pg_get_viewdef(1)",
    "SELECT sum(1) EXPORT_STATE",
    "SELECT finalize(sum(1) EXPORT_STATE)",
    "SELECT reporting.main.lower('A')",
    "SELECT 1\0; DROP TABLE shop.orders",
    "SELECT '\ud800'",
    "FROM arrow_scan(1, 2, 3)",
    "FROM pandas_scan(1)",
]

FAILING = [
    "SELEC 1",
    "SELECT nothing FROM shop.orders",
    "SELECT * FROM shop.nothing",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('{folder}/secret.txt')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM read_json('{folder}/secret.txt')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{folder}/secret.txt'",
    "SELECT * FROM '{folder}/secret.csv'",
    "SELECT * FROM 'https://example.org/x.csv'",
    "SELECT * FROM read_csv('https://example.org/x.csv')",
    "SELECT * FROM read_duckdb('{folder}/other.duckdb')",
    "SELECT getenv('HOME')",
    "SELECT * FROM postgres_query('a', 'SELECT 1')",
    "SELECT * FROM sqlite_scan('{folder}/x', 'y')",
    "EXPLAIN ANALYZE SELECT * FROM read_text('/etc/passwd')",
    "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
    "SELECT error('mine')",
    "SELECT CAST('x' AS INTEGER)",
    "SELECT $missing",
    "WITH gone AS (DELETE FROM shop.orders RETURNING *) SELECT * FROM gone",
]


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a file")
    (folder / "secret.txt").write_text("hunter2")
    (folder / "secret.csv").write_text("a,hunter2\n1,2\n")
    return shopfile.build(folder, shopdata.draw(1, orders=20).tables)


@pytest.fixture
def store(link: Path) -> Iterator[reporting.Store]:
    with opening.open(link) as opened:
        yield opened


def _filled(sql: str, link: Path) -> str:
    return sql.replace("{folder}", str(link.parent)).replace("{file}", str(link.resolve()))


@pytest.mark.parametrize("sql", READING)
def test_one_statement_that_reads_runs(store: reporting.Store, sql: str) -> None:
    assert store.query(sql).columns


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sql", REFUSED)
def test_anything_else_is_refused_and_leaves_no_trace(link: Path, store: reporting.Store, sql: str) -> None:
    before = _contents(link.parent)
    with pytest.raises((errors.UsageError, errors.QueryFailed)) as caught:
        store.query(_filled(sql, link))
    assert caught.value.message
    assert _contents(link.parent) == before
    assert store.query("SELECT COUNT(*) FROM shop.orders").rows == [(20,)]


@pytest.mark.parametrize("sql", FAILING)
def test_a_query_can_reach_nothing_but_the_file(link: Path, store: reporting.Store, sql: str) -> None:
    with pytest.raises(errors.QueryFailed) as caught:
        store.query(_filled(sql, link))
    assert "hunter2" not in caught.value.message
    assert store.query("SELECT 1").rows == [(1,)]


def test_a_variable_of_the_program_is_no_table(store: reporting.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "planted", store._connection.from_query("SELECT 1"), raising=False)
    with pytest.raises(errors.QueryFailed, match="planted does not exist"):
        store.query("SELECT * FROM planted")


def test_the_session_is_locked_down(store: reporting.Store) -> None:
    for name, wanted in (("enable_external_access", False), ("lock_configuration", True)):
        assert store.query(f"SELECT current_setting('{name}')").rows == [(wanted,)]


def test_the_lock_holds_without_the_guard_too(link: Path) -> None:
    with opening.open(link) as store:
        for sql in ("SET enable_external_access = true", "SET lock_configuration = false", "LOAD httpfs"):
            with pytest.raises(Exception, match=r"locked|disabled|read-only|Permission|not found"):
                store._connection.execute(sql)


def test_a_failed_query_gives_duckdbs_own_message(store: reporting.Store) -> None:
    with pytest.raises(errors.QueryFailed, match="numbr"):
        store.query("SELECT numbr FROM shop.orders")


def test_values_are_bound_by_place_and_by_name(store: reporting.Store) -> None:
    assert store.query("SELECT ?, ?", [1, "a'b"]).rows == [(1, "a'b")]
    assert store.query("SELECT $from", {"from": 2}).rows == [(2,)]


def test_a_name_without_a_schema_is_looked_for_in_public_too(tmp_path: Path) -> None:
    file = tmp_path / "reporting.a.duckdb"
    shopfile.write(file, {})
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE SCHEMA public; CREATE TABLE public.payment AS SELECT 7 AS payment_id")
        connection.execute("CREATE VIEW public.paid AS FROM public.payment")
        connection.execute("CREATE TABLE both_have AS SELECT 'main'; CREATE TABLE public.both_have AS SELECT 'public'")
        connection.execute("CREATE TABLE public.orders AS SELECT 'mine' AS number")
    with opening.open(file) as store:
        assert store.query("SELECT payment_id, count(*) FROM Payment GROUP BY ALL").rows == [(7, 1)]
        assert store.query("FROM paid").rows == store.query("FROM public.paid").rows == [(7,)]
        assert store.query("FROM both_have").rows == [("main",)]
        assert store.query("WITH payment AS (SELECT 1) FROM payment").rows == [(1,)]
        assert store.query("SELECT number FROM orders").rows == [("mine",)]
        assert store.query("SELECT count(number) FROM shop.orders").rows == [(0,)]
        listed = {row[1:3] for row in store.query("SHOW ALL TABLES").rows}
        assert {("public", "payment"), ("main", "both_have")} <= listed and ("main", "payment") not in listed
        for sql in ("FROM main.payment", "FROM products", "FROM reporting.payment"):
            with pytest.raises(errors.QueryFailed, match="does not exist"):
                store.query(sql)
