"""Tables that others lock, relations that LOCK doesn't take, and what happens between the list and the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import errors
from jobs.run import dryrun
from jobs.source import catalogue, connection, position, readiness
from jobs.source.catalogue import Relation
from jobs.verify import verify
from tests.support.syncing import Lab, read

STAMP = "updated_at timestamptz NOT NULL DEFAULT now()"
SHORT = {"lock_timeout": timedelta(milliseconds=200)}


def _lab(url: str, folder: Path, *names: str) -> Lab:
    lab = Lab(url, folder, [{"name": f"public.{name}"} for name in names], source=SHORT)
    lab.run(*(f"CREATE TABLE {name} (id int PRIMARY KEY, v text DEFAULT 'x', {STAMP})" for name in ("a", "b")))
    lab.run(*(f"INSERT INTO {name} SELECT g FROM generate_series(1, 3) g" for name in ("a", "b")))
    return lab


def _once(patch: pytest.MonkeyPatch, act: Callable[[], object], *, after: str) -> list[str]:
    """Have `act` done once in the next run: after the tables were listed, or after the snapshot was taken."""
    done: list[str] = []
    reachable, one = catalogue.reachable, position.one

    def do(what: str) -> None:
        if what == after and not done:
            done.append(what)
            act()

    def listed(*given: Any) -> list[Relation]:
        found = reachable(*given)
        do("list")
        return found

    def asked(conn: connection.Connection, name: str) -> dict[str, Any]:
        found = one(conn, name)
        do(name)
        return found

    patch.setattr(catalogue, "reachable", listed)
    patch.setattr(position, "one", asked)
    return done


def _attempt(lab: Lab, statement: str) -> str:
    """Run it if its lock can be had at once; `done`, or the error's name."""
    with lab.connect() as other:
        other.execute("SET lock_timeout = '300ms'")
        try:
            other.execute(statement.encode())
        except psycopg.Error as error:
            return type(error).__name__
    return "done"


@pytest.mark.long
def test_a_table_that_somebody_holds_fails_alone_and_stays_as_it_is_published(empty_db: str, tmp_path: Path) -> None:
    lab = _lab(empty_db, tmp_path, "a", "b", "over_a")
    lab.run("CREATE VIEW over_a AS SELECT id FROM a")
    lab.track()
    lab.sync()
    lab.run("INSERT INTO a VALUES (4)", "INSERT INTO b VALUES (4)")
    with lab.connect(autocommit=False, application_name="a long migration") as other:
        other.execute("ALTER TABLE a ADD COLUMN more int DEFAULT 7")
        run = lab.sync()
        assert {table.table for table in run.failed} == {"public.a", "public.over_a"}
        [told] = [table.error or "" for table in run.failed if table.table == "public.a"]
        assert "public.a is locked by process" in told
        assert "a long migration" in told
        lab.assert_equal("public.b")
        assert len(read(tmp_path / "reporting.duckdb", "public.over_a", ["id"])) == 3
        assert [table.table for table in dryrun.dry_run(lab.job).tables if table.error] == ["public.a", "public.over_a"]
        checks = {check.table: check.equal for check in verify.verify(lab.job).tables}
        assert checks == {"public.a": False, "public.b": True, "public.over_a": False}
        assert lab.sync(tables=["public.b"]).failed == ()
        with pytest.raises(errors.SourceTimeout, match=r"public\.a is locked"):
            lab.sync(tables=["public.a"])
        other.commit()
    assert not lab.sync().failed
    lab.assert_equal()


def test_a_first_sync_goes_on_without_the_table_that_is_held(empty_db: str, tmp_path: Path) -> None:
    lab = _lab(empty_db, tmp_path, "a", "b")
    lab.track()
    with lab.connect(autocommit=False) as other:
        other.execute("LOCK TABLE a")
        assert [table.table for table in lab.sync().failed] == ["public.a"]
    lab.assert_equal("public.b")
    assert not lab.sync().failed
    lab.assert_equal()


@pytest.mark.parametrize("after", ["list", "snapshot"])
def test_a_table_that_is_made_after_the_list_is_locked_all_the_same(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    lab = _lab(empty_db, tmp_path)
    lab.specs.append({"name": "public.*", "watermark": "none"})

    def made() -> None:
        lab.run("CREATE TABLE c AS SELECT g AS id FROM generate_series(1, 5) g")

    done = _once(monkeypatch, made, after=after)
    tried: list[str] = []

    def truncate(*_given: object) -> None:
        tried.append(_attempt(lab, "TRUNCATE c"))

    monkeypatch.setattr(readiness, "check_standby", truncate)
    run = lab.sync()
    assert done == [after]
    if after == "list":
        assert tried == ["LockNotAvailable"]
    there = {table.table for table in run.tables}
    assert ("public.c" in there) == (after == "list")
    if after == "list":
        lab.assert_equal("public.c")


def test_a_table_that_is_dropped_after_the_list_does_not_stop_the_run(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = _lab(empty_db, tmp_path)
    lab.specs.append({"name": "public.*", "watermark": "none"})
    assert _once(monkeypatch, lambda: lab.run("DROP TABLE a"), after="list") == []
    assert [table.table for table in lab.sync().tables] == ["public.b"]


RACES = {
    "the view's table is truncated": "TRUNCATE a",
    "the view is replaced": "CREATE OR REPLACE VIEW over_a AS SELECT id + 100 AS id FROM a",
    "the materialized view is refreshed": "INSERT INTO b VALUES (9); REFRESH MATERIALIZED VIEW kept",
}


@pytest.mark.parametrize("race", RACES)
def test_a_view_can_not_change_between_the_snapshot_and_the_read(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, race: str
) -> None:
    """What the run publishes stood there at its snapshot."""
    lab = _lab(empty_db, tmp_path, "over_a", "kept", "over_kept", "b")
    lab.run(
        "CREATE VIEW over_a AS SELECT id FROM a",
        "CREATE MATERIALIZED VIEW kept AS SELECT id, (SELECT count(*) FROM b) AS n FROM a",
        "CREATE VIEW over_kept AS SELECT id, n FROM kept",
        "INSERT INTO a VALUES (50)",
    )
    lab.specs[-1]["watermark"] = "none"
    seen: list[str] = []

    def raced() -> None:
        # What gets its lock now gets it before the run does; else the run was first, and this comes after it.
        seen.append(_attempt(lab, RACES[race]))

    done = _once(monkeypatch, raced, after="snapshot")
    lab.sync()
    assert done
    locked = race != "the materialized view is refreshed"
    assert seen == ["LockNotAvailable" if locked else "done"]
    lab.assert_equal()


PARTED = """
CREATE TABLE parted (id int, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE later (id int, day date NOT NULL, PRIMARY KEY (id, day));
INSERT INTO parted VALUES (1, '2020-05-05'); INSERT INTO later VALUES (2, '2021-05-05');
"""


def test_a_partition_that_is_attached_after_the_snapshot_brings_no_rows_of_another_moment(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = _lab(empty_db, tmp_path, "parted", "b")
    lab.run(PARTED)
    lab.specs[0]["watermark"] = "none"
    lab.track()
    attach = "ALTER TABLE parted ATTACH PARTITION later FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')"
    with monkeypatch.context() as patch:
        done = _once(patch, lambda: lab.run("INSERT INTO b VALUES (9)", attach), after="snapshot")
        lab.sync()
    assert done
    # Both came after the first snapshot: either both are there or none.
    lab.assert_equal()
