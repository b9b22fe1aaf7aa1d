"""A row that can't be copied is named, and is a matter of its table alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app import errors
from jobs.status import report
from jobs.verify import verify
from tests.support import cluster, targets
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

LIMIT = "120MB"
# Larger than what is left of the limit once a copy of it is made.
LARGE = "INSERT INTO large SELECT 7, repeat('x', 70000000)"


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Two tables, not synced yet."""
    names = ("large", "small")
    found = Lab(empty_db, tmp_path, [{"name": f"public.{name}", "watermark": "xid"} for name in names])
    found.target["memory_limit"] = LIMIT
    found.run(*(f"CREATE TABLE {name} (id int PRIMARY KEY, t text)" for name in names))
    found.run(*(f"INSERT INTO {name} SELECT g, 'x' FROM generate_series(1, 5) AS g" for name in names))
    found.track()
    return found


def count(lab: Lab, table: str) -> int:
    with lab.published() as file:
        [(n,)] = file.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(n)


@pytest.mark.few(1)
@pytest.mark.parametrize("first", [True, False])
def test_a_row_too_large_fails_its_table_and_the_others_are_published(lab: Lab, first: bool) -> None:
    if not first:
        lab.sync()
    lab.run(LARGE, "INSERT INTO small VALUES (6, 'y')")
    [failed] = lab.sync().failed
    assert failed.table == "public.large"
    assert "whose largest row, row id = 7 takes about 70 MB" in (failed.error or "")
    assert "raise [target] memory_limit" in (failed.error or "")
    assert count(lab, "public.small") == 6
    lab.target["memory_limit"] = "400MB"
    assert lab.sync().failed == ()
    assert count(lab, "public.large") == 6


def test_a_table_that_left_the_config_is_no_trouble_any_more(lab: Lab) -> None:
    lab.run(LARGE)
    lab.sync()
    assert any("public.large" in problem for problem in report.read_status(lab.job).problems)
    lab.specs = [spec for spec in lab.specs if spec["name"] != "public.large"]
    lab.run("INSERT INTO small VALUES (8, 'y')")
    lab.sync()
    assert report.read_status(lab.job).problems == ()


@pytest.mark.parametrize("repair", [True, False])
def test_a_table_with_a_row_too_large_is_compared_by_itself(lab: Lab, repair: bool) -> None:
    lab.run(LARGE)
    lab.target["memory_limit"] = "400MB"
    lab.sync()
    with targets.writing(lab.job) as file:
        file.execute("UPDATE public.small SET t = 'wrong'")
        file.execute("DELETE FROM public.large WHERE id = 7")
    lab.target["memory_limit"] = LIMIT
    small, large = verify.verify(lab.job, repair=repair).tables
    assert (small.table, small.different, small.error, small.repaired) == ("public.small", 5, None, 5 * repair)
    assert "public.large, whose largest row" in (large.error or "")


@pytest.fixture(params=["SQL_ASCII", "WIN1252"])
def old_db(request: pytest.FixtureRequest, postgres: cluster.Cluster) -> Iterator[str]:
    """A database in another encoding, in which some bytes are no text in UTF-8."""
    name = f"t_{request.param.lower()}"
    made = f"CREATE DATABASE {name} ENCODING '{request.param}' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as conn:
        conn.execute(made.encode())
    url = postgres.url(name)
    yield url
    postgres.drop_database(url)


def write(url: str, *statements: bytes) -> None:
    """In the database's own encoding, so that nothing is converted."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SELECT set_config('client_encoding', getdatabaseencoding(), false)")
        for statement in statements:
            conn.execute(statement)


def test_a_text_that_is_none_in_utf8_is_named_and_may_be_kept_as_bytes(old_db: str, tmp_path: Path) -> None:
    lab = Lab(old_db, tmp_path, [{"name": "public.t", "watermark": "xid"}, {"name": "public.ok", "watermark": "xid"}])
    lab.run("CREATE TABLE t (id int PRIMARY KEY, v text, words varchar[])", "CREATE TABLE ok (id int PRIMARY KEY)")
    lab.track()
    lab.sync()
    write(old_db, b"INSERT INTO t VALUES (1, 'plain', '{}'), (2, E'caf\\x81', NULL)", b"INSERT INTO ok VALUES (1)")
    [failed] = lab.sync().failed
    assert "public.t, column v, row id = 2: " in (failed.error or "")
    assert 'set rules.v = "bytes"' in (failed.error or "")
    assert count(lab, "public.ok") == 1
    lab.specs[0]["rules"] = {"v": "bytes"}
    assert lab.sync().failed == ()
    with lab.published() as file:
        assert file.execute("SELECT v FROM public.t ORDER BY id").fetchall() == [(b"plain",), (b"caf\x81",)]
    assert verify.verify(lab.job).equal
    write(old_db, b"UPDATE t SET words = ARRAY[E'\\x81'] WHERE id = 1")
    with pytest.raises(errors.UnsupportedValue, match=r"public.t, column words, row id = 1: .*"):
        lab.sync(tables=["public.t"])


def test_a_key_of_such_bytes_is_followed(old_db: str, tmp_path: Path) -> None:
    lab = Lab(old_db, tmp_path, [{"name": "public.t", "watermark": "xid", "rules": {"k": "bytes"}}])
    lab.run("CREATE TABLE t (k text PRIMARY KEY, n int)")
    lab.track()
    write(old_db, b"INSERT INTO t VALUES (E'\\x81', 1), (E'\\x8d', 2), ('a', 3)")
    lab.sync()
    write(old_db, b"DELETE FROM t WHERE k = E'\\x81'", b"UPDATE t SET k = E'\\x90', n = 4 WHERE k = E'\\x8d'")
    lab.sync()
    with lab.published() as file:
        assert file.execute("SELECT k, n FROM public.t ORDER BY n").fetchall() == [(b"a", 3), (b"\x90", 4)]
    assert verify.verify(lab.job).equal


@pytest.mark.long
def test_the_log_of_such_bytes_is_read(old_db: str, tmp_path: Path) -> None:
    spec = {"feed": "wal", "rules": {"k": "bytes", "v": "bytes"}}
    lab = Lab(old_db, tmp_path, [{"name": "public.t", **spec}, {"name": "public.n", "feed": "wal"}])
    lab.run("CREATE TABLE t (k text PRIMARY KEY, n int, v text)", "CREATE TABLE n (k text PRIMARY KEY, n int)")
    lab.track()
    write(
        old_db,
        b"INSERT INTO t VALUES (E'\\x81', 1), (E'\\x8d', 2), ('a', 3)",
        b"INSERT INTO n VALUES ('b', 1), ('c', 2)",
    )
    lab.sync()
    write(old_db, b"DELETE FROM t WHERE k = E'\\x81'", b"UPDATE t SET k = E'\\x90', n = 4 WHERE k = E'\\x8d'")
    assert [table.action for table in lab.sync().tables] == ["full", "none"]
    # In a column that is no key, it hinders nobody; nor does a key that is a text after all.
    write(old_db, b"UPDATE t SET v = E'\\x81' WHERE k = 'a'", b"UPDATE n SET k = E'\\xc3\\xa9' WHERE k = 'b'")
    assert [table.action for table in lab.sync().tables] == ["delta", "delta"]
    with lab.published() as file:
        assert file.execute("SELECT k, n, v FROM public.t ORDER BY n").fetchall() == [
            (b"a", 3, b"\x81"),
            (b"\x90", 4, None),
        ]
    assert verify.verify(lab.job).equal
    lab.run("DELETE FROM n WHERE n = 1")
    assert [table.action for table in lab.sync().tables][1] == "delta"
    assert verify.verify(lab.job).equal
