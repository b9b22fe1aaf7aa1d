"""Results as Parquet files: every value as the query gives it, and no other file written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.execution import Limits
from app.reporting import opening
from app.reporting import store as reporting
from tests.support import shopdata, shopfile

# SQL, the type in the file, and the value there as text.
KEPT = [
    ("1.50::DECIMAL(38,10)", "DECIMAL(38,10)", "1.5000000000"),
    ("sum(9007199254740993)", "DECIMAL(38,0)", "9007199254740993"),
    ("[9007199254740993::HUGEINT]", "DECIMAL(38,0)[]", "[9007199254740993]"),
    ("{'n': 9007199254740993::UHUGEINT, 'a b': 1}", 'STRUCT(n DECIMAL(38,0), "a b" INTEGER)',
     "{'n': 9007199254740993, 'a b': 1}"),
    ("MAP{1: INTERVAL '3 us'}", "MAP(INTEGER, VARCHAR)", "{1='00:00:00.000003'}"),
    ("INTERVAL '1 month 3 us'", "VARCHAR", "1 mon 00:00:00.000003"),
    ("'12:00:00+02'::TIMETZ", "VARCHAR", "12:00:00+02"),
    ("TIMESTAMPTZ '2026-01-01 12:00:00.000001+02'", "TIMESTAMP WITH TIME ZONE", "2026-01-01 10:00:00.000001+00"),
    ("TIMESTAMP_NS '2026-01-01 00:00:00.123456789'", "TIMESTAMP_NS", "2026-01-01 00:00:00.123456789"),
    ("DATE '0044-03-15 (BC)'", "DATE", "0044-03-15 (BC)"),
    ("uuid_nil", "UUID", "00000000-0000-0000-0000-000000000000"),
    ("'{}'::JSON", "JSON", "{}"),
    ("'b'::ENUM('a', 'b')", "VARCHAR", "b"),
    ("'\\xff'::BLOB", "BLOB", "\\xFF"),
    ("union_value(k := 1)", "VARCHAR", "1"),
    ("row(1, INTERVAL '3 us')", "VARCHAR", "(1, '00:00:00.000003')"),
    ("'NaN'::DOUBLE", "DOUBLE", "nan"),
    ("1.5::DOUBLE", "DOUBLE", "1.5"),
]  # fmt: skip


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shopfile.build(tmp_path_factory.mktemp("file"), shopdata.draw(1, orders=20).tables)


@contextmanager
def opened(link: Path, writes: Path, **limits: int) -> Iterator[reporting.Store]:
    with opening.open(link, limits=Limits(writes=writes, **limits)) as store:  # type: ignore[arg-type]
        yield store


def test_every_value_is_kept(link: Path, tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    selected = ", ".join(f"{sql} AS c{place}" for place, (sql, _, _) in enumerate(KEPT))
    sql = f"SELECT {selected} FROM (SELECT '00000000-0000-0000-0000-000000000000'::UUID AS uuid_nil) GROUP BY ALL"
    with opened(link, path) as store:
        assert store.write_parquet(sql) == 1
    with duckdb.connect() as reader:
        reader.execute("SET TimeZone = 'UTC'")
        described = reader.execute("DESCRIBE FROM read_parquet($1)", [str(path)]).fetchall()
        assert [row[1] for row in described] == [kind for _, kind, _ in KEPT]
        [values] = reader.execute("SELECT COLUMNS(*)::VARCHAR FROM read_parquet($1)", [str(path)]).fetchall()
        assert [*values] == [value for _, _, value in KEPT]
        [(key, value)] = reader.execute("SELECT key, value FROM parquet_kv_metadata($1)", [str(path)]).fetchall()
        assert (key, value.decode()) == (b"as_of", shopfile.AS_OF.isoformat())


def test_rows_keep_their_order_names_are_distinct_and_values_bound(link: Path, tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    with opened(link, path, max_rows=10) as store:
        query = "SELECT number, number, $more AS more FROM shop.orders ORDER BY number DESC"
        assert store.write_parquet(query, {"more": 7}) == 20
        numbers = [f"{row[0]}" for row in store.query("SELECT number FROM shop.orders ORDER BY 1 DESC LIMIT 5").rows]
    with duckdb.connect() as reader:
        found = reader.execute("FROM read_parquet($1)", [str(path)])
        assert [column[0] for column in found.description or ()] == ["number", "number_1", "more"]
        rows = found.fetchall()
    assert rows[:5] == [(number, number, 7) for number in numbers]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT DATE 'infinity' AS valid_to", "valid_to holds infinity"),
        ("SELECT unnest([now(), '-infinity']) AS \"a 'b'\"", "a 'b' holds infinity"),
        ("SELECT 170141183460469231731687303715884105727::HUGEINT AS n", "DECIMAL"),
    ],
)
def test_what_parquet_has_no_value_for_is_refused(link: Path, tmp_path: Path, sql: str, told: str) -> None:
    with opened(link, tmp_path / "x.parquet") as store, pytest.raises(errors.QueryFailed, match=told):
        store.write_parquet(sql)


def test_no_other_file_can_be_written_or_read(link: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "mine.parquet", tmp_path / "other.parquet"
    with opened(link, path) as store:
        for sql in (f"COPY (SELECT 1) TO '{path}'", f"FROM '{path}'", "EXPLAIN SELECT 1", "DELETE FROM shop.orders"):
            with pytest.raises((errors.UsageError, errors.QueryFailed)):
                store.write_parquet(sql)
        for sql in (f"COPY (SELECT 1) TO '{other}'", "COPY (SELECT 1) TO '/dev/stdout'", "SET allowed_paths = ['/']"):
            with pytest.raises(duckdb.Error):
                store._session.execute(sql)
    with opening.open(link) as store, pytest.raises(errors.UsageError):
        store.write_parquet("SELECT 1")
    assert not other.exists()
