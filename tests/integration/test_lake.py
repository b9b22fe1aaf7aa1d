"""A lake as the target: the same runs, and nothing but a whole one is ever seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import errors
from jobs import faults, migrate
from jobs.backfill import backfill
from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.tables.ranges import Range
from jobs.targets import targets
from jobs.verify import verify
from tests.support import cluster
from tests.support.lakelab import LakeLab, end_sessions, shop_lake, snapshots
from tests.support.syncing import Lab


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> Iterator[LakeLab]:
    with shop_lake(postgres, empty_db, tmp_path) as lab:
        yield lab


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


@pytest.mark.long
def test_a_column_of_a_name_that_ducklake_takes_for_its_own_keeps_no_other_table_away(lab: LakeLab) -> None:
    lab.run(
        'CREATE TABLE shop.odd (id int PRIMARY KEY, "_Ducklake_internal_row_id" int)',
        "INSERT INTO shop.odd VALUES (1, 2)",
    )
    lab.specs[:] = [{"name": "shop.b"}, {"name": "shop.odd"}]
    [failed] = lab.sync().failed
    assert failed.table == "shop.odd" and "DuckLake keeps numbers of its own" in (failed.error or "")
    lab.assert_equal("shop.b")
    lab.specs[1] = {"name": "shop.odd", "rename_columns": {"_Ducklake_internal_row_id": "row_id"}}
    lab.track()
    lab.sync()
    lab.run("UPDATE shop.odd SET id = 5")
    lab.sync()
    assert verify.verify(lab.job).equal


@pytest.mark.long
def test_a_backfill_that_was_cut_short_goes_on_on_another_machine(
    lab: LakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.specs[:] = lab.specs[:1]
    lab.sync()
    with lab.attached() as lake:
        lake.execute("UPDATE shop.a SET word = 'wrong' WHERE id % 3 = 0")
    passed: list[str] = []

    def second(name: str) -> None:
        passed.append(name)
        if passed.count("before_commit") == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(faults, "point", second)
        with pytest.raises(KeyboardInterrupt):
            backfill.backfill(lab.job, "shop.a", Range(low="1"), chunk=1000)
    other = replace(lab, place="there")
    assert backfill.backfill(other.job, "shop.a", Range(low="1"), chunk=1000).resumed == "1000"
    lab.assert_equal()
    assert not lab.job.files.read("backfill")


def test_one_writer_at_a_time_and_a_lost_lock_gives_up(lab: LakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.sync()
    other = replace(lab, place="there")
    with targets.of(lab.job).locked():
        assert targets.of(other.job).is_locked()
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
    target = targets.of(lab.job)
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


def _tidy(lab: LakeLab) -> None:
    targets.of(lab.job).tidy(replace(lab.sync(), run_id="000000050-abcdef", changed=True))


@pytest.mark.long
def test_upkeep_keeps_files_few_and_readers_right(lab: LakeLab) -> None:
    lab.sync()
    for turn in range(6):
        lab.run(f"UPDATE shop.a SET word = 't{turn}' WHERE id % 7 = {turn}")
        lab.sync()
    (earlier,) = [one for one in report.read_status(lab.job).kept if one.what == "files of earlier snapshots"]
    assert earlier.count >= 6 and earlier.bytes and earlier.limit == "7 days by [target] retention"
    before = len(list(lab.data.rglob("*.parquet")))
    for given, files_stay in (("30d", "86400 seconds"), ("0s", "0 seconds")):
        lab.target["retention"] = given
        _tidy(lab)
        with lab.attached() as lake:
            options = dict(lake.execute("SELECT option_name, value FROM reporting.options()").fetchall())
        assert options["delete_older_than"] == files_stay
    stray = lab.data / "shop" / "a" / "stray.parquet"
    stray.write_bytes(b"left by a run that was cut short")
    for _ in range(2):
        _tidy(lab)
    after = list(lab.data.rglob("*.parquet"))
    assert len(after) < before / 2 and not stray.exists()
    lab.assert_equal()
    assert verify.verify(lab.job).equal


def test_a_session_that_is_kept_has_nothing_left_of_a_run(lab: LakeLab) -> None:
    """What a run read is of use to the next one where there are two files; else it would be more with each run."""
    lab.specs[:], lab.keep = lab.specs[:1], OpenSessions()
    lab.sync()
    for turn in range(3):
        lab.run(f"UPDATE shop.a SET word = 't' WHERE id % 9 = {turn}", f"DELETE FROM shop.a WHERE id = {turn + 1}")
        assert lab.sync().changed
        with lab.keep.engine.lend(lambda: None) as session:
            assert session.rows("SELECT table_name FROM duckdb_tables() WHERE temporary") == []
    lab.assert_equal()
    lab.keep.close()


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


@pytest.mark.long
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
