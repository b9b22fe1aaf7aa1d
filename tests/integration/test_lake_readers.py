"""Readers of a lake: what they see, what they are told, and what they can't reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app import errors
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.targets import targets
from jobs.targets.lake.target import LakeTarget
from jobs.verify import verify
from tests.support import cluster
from tests.support.lakelab import LakeLab, end_sessions, shop_lake, snapshots


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> Iterator[LakeLab]:
    with shop_lake(postgres, empty_db, tmp_path) as lab:
        yield lab


def test_a_reader_keeps_its_snapshot_and_says_when_it_is_gone(lab: LakeLab) -> None:
    lab.sync()
    with lab.open() as reader, lab.open() as late, lab.open() as lister:
        assert reader.query("SELECT count(*) FROM shop.b").rows == [(1000,)]
        lab.run("DELETE FROM shop.b WHERE id <= 400")
        lab.sync()
        assert reader.query("SELECT count(*) FROM shop.b").rows == [(1000,)]
        with lab.attached() as lake:
            lake.execute("CALL ducklake_expire_snapshots('reporting', older_than => now())")
            lake.execute("CALL ducklake_cleanup_old_files('reporting', cleanup_all => true)")
        with pytest.raises(errors.SnapshotGone):
            reader.query("SELECT count(*) FROM shop.b")
        # This one had not begun: it goes on with what is there.
        before = late.run_id
        assert late.query("SELECT count(*) FROM shop.b").rows == [(600,)]
        assert late.run_id > before
        # And this one has: what it listed is of its snapshot.
        assert ("shop", "b") in lister.tables()
        with pytest.raises(errors.SnapshotGone):
            lister.query("SELECT count(*) FROM shop.b")


@pytest.mark.long
def test_a_reader_knows_from_the_commit_what_the_lake_says(lab: LakeLab) -> None:
    """After each kind of commit: one of a run says how fresh it is; of others the lake itself is asked."""
    lab.sync()
    _check_opened(lab)
    with lab.connect(autocommit=False) as late:
        late.execute("UPDATE shop.a SET word = 'late' WHERE id = 3")
        lab.run("UPDATE shop.b SET flag = NULL WHERE id < 9", "CREATE TABLE shop.d AS SELECT 1 AS x")
        lab.specs.append({"name": "shop.d", "watermark": "none", "deletes": "compare"})
        lab.sync(tables=("shop.b", "shop.d"))
        _check_opened(lab)
    lab.specs.pop()
    lab.sync()
    _check_opened(lab)
    with lab.attached() as lake:
        lake.execute("UPDATE shop.a SET word = 'wrong' WHERE id = 7")
    _check_opened(lab)
    verify.verify(lab.job, repair=True)
    _check_opened(lab)
    with lab.attached() as lake:
        lake.execute("CHECKPOINT reporting")
    _check_opened(lab)


def _check_opened(lab: LakeLab) -> None:
    with lab.attached() as lake, lab.open() as reader:
        rows = lake.execute("SELECT as_of, run_id FROM neaptide.freshness").fetchall()
        assert [(reader.as_of, reader.run_id)] == rows
        listed = lake.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        tables = {one for one in listed if one[0] == "shop"}
        assert {one for one in reader.tables() if one[0] == "shop"} == tables
        for schema, name in tables:
            assert reader.query(f"SELECT count(*) FROM {schema}.{name}").rows
        if ("shop", "d") not in tables:
            with pytest.raises(errors.NeaptideError, match="d"):
                reader.query("FROM shop.d")


ATTACKS = (
    "SELECT * FROM postgres_query('__ducklake_metadata_reporting', 'SELECT 1')",
    "SELECT * FROM postgres_scan('dbname=x', 'public', 'ducklake_snapshot')",
    "SELECT * FROM postgres_scan_pushdown('dbname=x', 'public', 'ducklake_snapshot')",
    "SELECT * FROM __ducklake_metadata_reporting.public.ducklake_snapshot",
    "SELECT * FROM __ducklake_metadata_reporting.ducklake_snapshot",
    "FROM ducklake_snapshots('reporting')",
    "FROM ducklake_table_info('reporting')",
    "FROM ducklake_list_files('reporting', 'a', schema => 'shop')",
    "FROM reporting.snapshots()",
    "FROM reporting.current_snapshot()",
    "CALL ducklake_expire_snapshots('reporting', older_than => now())",
    "FROM ducklake_expire_snapshots('reporting', older_than => now())",
    "FROM ducklake_cleanup_old_files('reporting', cleanup_all => true)",
    "FROM ducklake_merge_adjacent_files('reporting')",
    "FROM ducklake_add_data_files('reporting', 'a', '/etc/passwd')",
    "FROM duckdb_secrets()",
    "FROM duckdb_databases()",
    "FROM which_secret('postgres:', 'postgres')",
    "FROM read_parquet('{data}/**/*.parquet')",
    "FROM '{data}/shop/a/*.parquet'",
    "FROM glob('{data}/**')",
    "FROM read_text('{data}/**')",
    "SELECT * FROM shop.a AT (VERSION => 1)",
    "ATTACH 'ducklake:postgres:dbname=x' AS other",
    "ATTACH 'dbname=x' AS other (TYPE postgres)",
    "USE __ducklake_metadata_reporting",
    "CHECKPOINT reporting",
    "SELECT current_setting('allowed_directories')",
    "INSERT INTO reporting.shop.a VALUES (1)",
    "DELETE FROM reporting.shop.a",
)


def test_report_sql_reaches_neither_the_catalog_nor_the_files(lab: LakeLab) -> None:
    lab.sync()
    before = snapshots(lab)
    with lab.open() as store:
        for attack in ATTACKS:
            with pytest.raises((errors.UsageError, errors.QueryFailed)):
                store.query(attack.replace("{data}", str(lab.data)))
        # Nor would it without the guard: what it names is out of the session's reach, or shows no password.
        session = store._session
        shown = " ".join(map(str, session.execute("SELECT path FROM duckdb_databases()").fetchall()))
        assert "dbname" not in shown and "password" not in shown
        password = conninfo_to_dict(lab.catalog)["password"]
        assert str(password) not in str(session.execute("FROM duckdb_secrets()").fetchall())
        with pytest.raises(duckdb.Error):
            session.execute("FROM read_text('/etc/passwd')")
    assert snapshots(lab) == before
    assert str(lab.job) and str(conninfo_to_dict(lab.catalog)["password"]) not in repr(lab.job) + repr(
        targets.of(lab.job)
    )


def test_what_is_wrong_with_a_lake_is_told_clearly(lab: LakeLab) -> None:
    with pytest.raises(errors.NoReportingFile), lab.open():
        pass
    assert report.read_status(lab.job).level == "missing"
    lab.sync()
    gone = replace(lab, catalog=make_conninfo(lab.catalog, port="1"))
    for act in (gone.sync, lambda: gone.open().__enter__(), lambda: report.read_status(gone.job)):
        with pytest.raises(errors.CatalogUnavailable) as caught:
            act()
        assert str(conninfo_to_dict(lab.catalog)["password"]) not in str(caught.value)
    for given, next_step in (
        ({"password": "wr0ng"}, "check user and password"),
        ({"dbname": "nowhere"}, "create that database"),
    ):
        stranger = replace(lab, catalog=make_conninfo(lab.catalog, **given))
        for act in (stranger.sync, lambda: _count(stranger)):  # noqa: B023  called at once
            with pytest.raises(errors.CatalogUnavailable) as caught:
                act()
            assert next_step in str(caught.value.hint) and "wr0ng" not in f"{caught.value} {caught.value.hint}"


def test_files_that_are_away_or_not_whole_are_told_and_nothing_is_lost(lab: LakeLab) -> None:
    lab.sync()
    lab.run("UPDATE shop.a SET word = 'x'")
    moved = lab.data.rename(lab.data.with_name("moved"))
    reads = (lambda: _count(lab), lambda: report.read_status(lab.job), lambda: verify.verify(lab.job))
    for act in (lab.sync, lake_target(lab).tidy_now, *reads):
        with pytest.raises(errors.TargetUnusable, match=r"the folder of the lake's files is not there: .*the data"):
            act()
    assert not lab.data.exists()
    moved.rename(lab.data)
    lab.sync()
    lab.assert_equal()
    path = max((lab.data / "shop" / "a").glob("*.parquet"), key=lambda path: path.stat().st_mtime)
    whole = path.read_bytes()
    for damage in (path.unlink, lambda: path.write_bytes(whole[: len(whole) // 2])):
        damage()
        for act in reads:
            with pytest.raises(errors.TargetUnusable, match=r"a file of the lake can't be read: .*\.parquet") as caught:
                act()
            assert "sync --full" in str(caught.value.hint)
    lab.sync(full=True)
    lab.assert_equal()


def test_who_may_only_read_the_catalog_is_told_so_when_writing(postgres: cluster.Cluster, lab: LakeLab) -> None:
    lab.sync()
    with psycopg.connect(lab.catalog, autocommit=True) as conn:
        conn.execute("CREATE ROLE looks_only LOGIN PASSWORD 'l00ks'")
        conn.execute("GRANT USAGE ON SCHEMA public, neaptide TO looks_only")
        conn.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public, neaptide TO looks_only")
        try:
            reader = replace(lab, catalog=make_conninfo(lab.catalog, user="looks_only", password="l00ks"))
            assert _count(reader) == [(3000,)]
            lab.run("UPDATE shop.a SET word = 'y' WHERE id = 1")
            for act in (reader.sync, lake_target(reader).tidy_now):
                with pytest.raises(errors.TargetUnusable, match="catalog refused: permission denied for table"):
                    act()
        finally:
            conn.execute("DROP OWNED BY looks_only; DROP ROLE looks_only")
    lab.sync()
    lab.assert_equal()


def lake_target(lab: LakeLab) -> LakeTarget:
    """The lake, as its upkeep has it."""
    target = targets.of(lab.job)
    assert isinstance(target, LakeTarget)
    return target


def _count(lab: LakeLab) -> object:
    with lab.open() as store:
        return store.query("SELECT count(*) FROM shop.a WHERE word <> ''").rows


def test_a_dead_catalog_ends_no_process(lab: LakeLab) -> None:
    lab.sync()
    with lab.open() as store:
        keep = OpenSessions()
        kept = replace(lab, keep=keep)
        kept.sync()
        store.query("SELECT 1")
        end_sessions(lab)
        lab.run("UPDATE shop.a SET word = 'after' WHERE id = 1")
        with suppress(errors.NeaptideError):
            kept.sync()
        kept.sync()
        lab.assert_equal()
        with suppress(errors.NeaptideError):
            store.query("SELECT count(*) FROM shop.a")
        keep.close()
