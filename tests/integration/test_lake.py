"""A lake as the target: the same runs, and nothing but a whole one is ever seen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app import errors
from jobs import faults
from jobs.run import dryrun
from jobs.sessions import Keep
from jobs.status import report
from jobs.targets.lake import migrate
from jobs.verify import verify
from tests.support import cluster
from tests.support.lakelab import LakeLab
from tests.support.syncing import Lab

SHOP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.a (id int PRIMARY KEY, word text, price numeric(30,4), at timestamptz, u uuid)",
    "CREATE TABLE shop.b (id int, part int, flag boolean, PRIMARY KEY (id, part))",
    "CREATE TABLE shop.c (word text)",
    "INSERT INTO shop.a SELECT n, 'w' || n, n / 3.0, now(), gen_random_uuid() FROM generate_series(1, 3000) AS n",
    "INSERT INTO shop.b SELECT n, n % 3, n % 2 = 0 FROM generate_series(1, 1000) AS n",
    "INSERT INTO shop.c SELECT 'x' FROM generate_series(1, 10)",
)
SPECS = [{"name": "shop.a"}, {"name": "shop.b"}, {"name": "shop.c", "watermark": "none", "deletes": "compare"}]


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> Iterator[LakeLab]:
    catalog = postgres.create_database()
    lab = LakeLab(empty_db, tmp_path, [dict(spec) for spec in SPECS], catalog=catalog)
    lab.run(*SHOP)
    lab.track()
    yield lab
    postgres.drop_database(catalog)


def test_runs_bring_a_lake_up_to_date_as_they_do_a_file(lab: LakeLab) -> None:
    first = lab.sync()
    assert first.changed
    lab.assert_equal()
    assert not lab.sync().changed
    lab.run(
        "UPDATE shop.a SET word = 'new' WHERE id % 100 = 0",
        "DELETE FROM shop.a WHERE id % 70 = 0",
        "UPDATE shop.b SET part = 9 WHERE id = 5",
        "INSERT INTO shop.c VALUES ('y')",
    )
    run = lab.sync()
    assert run.changed and not run.failed
    lab.assert_equal()
    lab.run("ALTER TABLE shop.a ADD COLUMN extra interval DEFAULT '-3 microseconds'", "TRUNCATE shop.b")
    assert not lab.sync().failed
    lab.assert_equal()
    with lab.open() as store:
        assert store.query("SELECT count(*) FROM shop.a").rows == [(2958,)]
        assert store.query("SELECT extra FROM shop.a LIMIT 1").rows == [("-00:00:00.000003",)]


def end_sessions(lab: LakeLab, application: str = "%") -> None:
    """As when the catalog's server is restarted; those of the lock alone have a name."""
    with psycopg.connect(lab.catalog, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE %s",
            [application],
        )


def snapshots(lab: LakeLab) -> list[dict[str, object]]:
    with lab.attached() as lake:
        found = lake.execute("SELECT snapshot_id, changes FROM reporting.snapshots() ORDER BY 1").fetchall()
        return [{"id": number, **changes} for number, changes in found]


def test_nothing_but_whole_runs_is_ever_a_snapshot(lab: LakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.sync()
    lab.run("ALTER TABLE shop.a ADD COLUMN more int DEFAULT 7", "DELETE FROM shop.b WHERE id < 100")
    lab.sync()
    whole = snapshots(lab)
    # The first is DuckLake's own, of an empty lake.
    assert len(whole) == 3, whole
    with lab.attached() as lake:
        for snapshot in whole[1:]:
            tables = lake.execute(
                "SELECT table_name FROM reporting.neaptide.watermarks AT (VERSION => ?) ORDER BY 1", [snapshot["id"]]
            ).fetchall()
            assert tables == [("shop.a",), ("shop.b",), ("shop.c",)]
        assert not [
            name for (name,) in lake.execute("SELECT table_name FROM duckdb_tables()").fetchall() if "loading" in name
        ]
    # One that fails after its tables were copied leaves nothing.
    monkeypatch.setattr("jobs.record.state.write_watermarks", _broken)
    lab.run("ALTER TABLE shop.a ADD COLUMN yet int DEFAULT 8", "UPDATE shop.b SET flag = NULL")
    with pytest.raises(errors.Bug):
        lab.sync()
    monkeypatch.undo()
    assert snapshots(lab) == whole
    lab.sync()
    lab.assert_equal()


def _broken(*_: object) -> None:
    raise errors.Bug("the disk of the test is full")


def test_a_lake_is_verified_and_mended(lab: LakeLab) -> None:
    lab.sync()
    before = snapshots(lab)
    assert verify.verify(lab.job).equal
    assert verify.verify(lab.job, repair=True).equal
    assert snapshots(lab) == before
    with lab.attached() as lake:
        lake.execute("UPDATE shop.a SET word = 'wrong' WHERE id = 7")
        lake.execute("DELETE FROM shop.b WHERE id = 8")
    found = verify.verify(lab.job)
    assert [(check.table, check.equal) for check in found.tables] == [
        ("shop.a", False),
        ("shop.b", False),
        ("shop.c", True),
    ]
    assert not verify.verify(lab.job, repair=True).equal
    lab.assert_equal()
    assert verify.verify(lab.job).equal
    status = report.read_status(lab.job)
    assert {table.table: table.rows for table in status.tables} == {"shop.a": 3000, "shop.b": 1000, "shop.c": 10}
    assert all(table.bytes for table in status.tables) and status.file_bytes > 0
    assert [run["kind"] for run in report.history(lab.job, 10)] == ["repair", "sync"]


ODD = """
    CREATE TABLE shop.odd (
        id int PRIMARY KEY, i interval, z timetz, li interval[], f float8, n numeric(38,10), d date, t timestamp,
        b bytea, j jsonb, m money, o oid, bits bit(3)
    )
"""
ODD_ROWS = """
    INSERT INTO shop.odd VALUES
    (1, '3 microseconds', '10:00+05:30', '{-1 day,3 us}', 'NaN', 1e27, 'infinity', '4713-01-01 BC', '\\x00ff', '{}', 1,
        5, '101'),
    (2, '-1 mon 2 days', '24:00:00-15:59', '{}', '-0', -0.0000000001, '-infinity', 'infinity', '', 'null', -1,
        4294967295, '000'),
    (3, '178000000 years', NULL, NULL, '5e-324', NULL, '0001-01-01 BC', '294246-01-01', NULL, NULL, NULL, NULL, NULL)
"""


def test_values_that_parquet_would_change_are_kept_as_text(lab: LakeLab) -> None:
    lab.specs[:] = [{"name": "shop.odd"}]
    lab.run(ODD, ODD_ROWS)
    lab.track()
    lab.sync()
    assert verify.verify(lab.job).equal
    with lab.open() as store:
        rows = store.query("SELECT i, z, li FROM shop.odd ORDER BY id").rows
    assert rows == [
        ("00:00:00.000003", "10:00:00+05:30", '{"-1 days",00:00:00.000003}'),
        ("-1 mons +2 days", "24:00:00-15:59", "{}"),
        ("178000000 years", None, None),
    ]
    notes = {column.column: column.note for column in dryrun.dry_run(lab.job).tables[0].columns}
    assert "Parquet" in notes["i"] and "Parquet" in notes["z"] and "Parquet" in notes["li"]


def test_columns_may_be_called_like_those_of_the_system(lab: LakeLab) -> None:
    names = (
        "xmin",
        "ctid",
        "tableoid",
        "rowid",
        "row_id",
        "snapshot_id",
        "begin_snapshot",
        "filename",
        "file_row_number",
    )
    taken = ("xmin", "ctid", "tableoid")
    lab.specs[:] = [{"name": "shop.odd", "rename_columns": {f"{name}_": name for name in taken}}]
    columns = ", ".join(f"{name + '_' if name in taken else name} int" for name in names)
    lab.run(
        f"CREATE TABLE shop.odd (id int PRIMARY KEY, {columns})",
        "INSERT INTO shop.odd (id, rowid) VALUES (1, 2), (2, 3)",
    )
    lab.track()
    lab.sync()
    lab.run("UPDATE shop.odd SET rowid = 9, row_id = 1", "DELETE FROM shop.odd WHERE id = 2")
    lab.sync()
    assert verify.verify(lab.job).equal


def test_one_writer_at_a_time_and_a_lost_lock_gives_up(lab: LakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.sync()
    other = replace(lab, place="there")
    with lab.job.target.locked():
        assert other.job.target.is_locked()
        with pytest.raises(errors.LockHeld, match="another run holds the lake"):
            other.sync(wait=False)
    was = faults.point
    passed: list[str] = []

    def point(name: str) -> None:
        """Stand still there, while the lock is lost and a second run goes by."""
        was(name)
        if name == wanted and not passed:
            passed.append(name)
            end_sessions(lab, application="neaptide lake%")
            lab.run("UPDATE shop.a SET word = 'two' WHERE id = 1")
            other.sync()

    for wanted in ("work_opened", "before_commit"):
        passed.clear()
        lab.run("UPDATE shop.a SET word = 'one' WHERE id = 1")
        monkeypatch.setattr(faults, "point", point)
        with pytest.raises(errors.Retryable):
            lab.sync()
        monkeypatch.undo()
        assert passed == [wanted]
        lab.assert_equal()


def test_what_is_written_follows_what_was_read(lab: LakeLab) -> None:
    lab.sync()
    target = lab.job.target
    with target.locked(), target.mending(anew=False) as file:
        with file.transaction():
            file.begin_writing()
            file.check_writer()
        with lab.attached() as other:
            other.execute("UPDATE shop.a SET word = 'theirs' WHERE id = 1")
        with pytest.raises(errors.LockHeld, match="somebody else has written"), file.transaction():
            file.begin_writing()
    with target.mending(anew=False) as file, file.transaction(), pytest.raises(errors.LockHeld, match="was lost"):
        file.check_writer()


def test_a_reader_keeps_its_snapshot_and_says_when_it_is_gone(lab: LakeLab) -> None:
    lab.sync()
    with lab.open() as reader, lab.open() as late:
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
    assert str(lab.job) and str(conninfo_to_dict(lab.catalog)["password"]) not in repr(lab.job) + repr(lab.job.target)


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
    moved = lab.data.rename(lab.data.with_name("moved"))
    lab.run("UPDATE shop.a SET word = 'x'")
    for act in (lab.sync, lambda: _count(lab)):
        with pytest.raises(errors.TargetUnusable, match=r"parquet|lake"):
            act()
    if lab.data.exists():
        shutil.rmtree(lab.data)
    moved.rename(lab.data)
    lab.sync()
    lab.assert_equal()


def _count(lab: LakeLab) -> object:
    with lab.open() as store:
        return store.query("SELECT count(*) FROM shop.a WHERE word <> ''").rows


def test_a_dead_catalog_ends_no_process(lab: LakeLab) -> None:
    lab.sync()
    with lab.open() as store:
        keep = Keep()
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


def test_upkeep_keeps_files_few_and_readers_right(lab: LakeLab) -> None:
    lab.target["retention"] = "0s"
    lab.sync()
    for turn in range(6):
        lab.run(f"UPDATE shop.a SET word = 't{turn}' WHERE id % 7 = {turn}")
        lab.sync()
    stray = lab.data / "shop" / "a" / "stray.parquet"
    stray.write_bytes(b"left by a run that was cut short")
    before = len(list(lab.data.rglob("*.parquet")))
    for _ in range(2):
        lab.job.target.tidy(replace(lab.sync(), run_id="000000050-abcdef", changed=True))
    after = list(lab.data.rglob("*.parquet"))
    assert len(after) < before / 2 and not stray.exists()
    lab.assert_equal()
    assert verify.verify(lab.job).equal


def test_models_are_part_of_the_runs_commit(lab: LakeLab) -> None:
    models = lab.folder / "here" / "models"
    models.mkdir(parents=True)
    # A sum of bigint is a HUGEINT, of which Parquet would make a double; an interval it would cut.
    (models / "totals.sql").write_text(
        "SELECT b.part, sum(b.id) AS ids, count(*) AS n FROM shop.b AS b GROUP BY b.part"
    )
    big = "max(a.id)::HUGEINT * 100000000000000000000000000::HUGEINT"
    (models / "big.sql").write_text(f"SELECT {big} AS big FROM shop.a AS a")
    (models / "span.sql").write_text("SELECT max(a.at) - min(a.at) AS span FROM shop.a AS a")
    run = lab.sync()
    assert {one.model: one.action for one in run.models} == {"totals": "built", "big": "built", "span": "failed"}
    assert "a lake's files would change" in next(one.error or "" for one in run.models if one.model == "span")
    assert len(snapshots(lab)) == 2
    lab.run("UPDATE shop.b SET id = id + 5000 WHERE part = 1", "DELETE FROM shop.b WHERE part = 2")
    lab.sync()
    assert len(snapshots(lab)) == 3
    found = verify.verify(lab.job)
    assert [model.equal for model in found.models if model.model != "span"] == [True, True]
    with lab.open() as store:
        assert store.query("SELECT big FROM models.big").rows == [(3000 * 10**26,)]
        assert store.query("SELECT sum(n) FROM models.totals").rows == [(667,)]


def test_a_file_moves_into_a_lake_and_the_next_run_goes_on(lab: LakeLab) -> None:
    lab.run(ODD, ODD_ROWS)
    lab.specs.append({"name": "shop.odd"})
    lab.track()
    file = Lab(lab.url, lab.folder / "here", lab.specs)
    file.sync()
    file.run("UPDATE shop.a SET word = 'later' WHERE id < 50")
    file.sync()
    found = migrate.migrate(lab.job, file.job.files)
    assert found.tables == {"shop.a": 3000, "shop.b": 1000, "shop.c": 10} and found.anew == ("shop.odd",)
    assert [run["run_id"] for run in report.history(lab.job, 9)] == [
        run["run_id"] for run in report.history(file.job, 9)
    ]
    lab.run("DELETE FROM shop.a WHERE id = 2")
    run = lab.sync()
    assert {table.table: table.action for table in run.tables} == {
        "shop.a": "delta", "shop.b": "none", "shop.c": "delta", "shop.odd": "full",
    }  # fmt: skip
    assert verify.verify(lab.job).equal
    with pytest.raises(errors.UsageError, match="holds a run already"):
        migrate.migrate(lab.job, file.job.files)
