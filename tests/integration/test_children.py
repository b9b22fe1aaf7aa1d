"""Children that come or go in the middle of a run: none of their rows are of another moment than the rest.

PostgreSQL gives a table a child while others read it, and a statement's plan goes by the children of now, not by those
of its snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import results
from jobs.run import sync
from jobs.sessions import OpenSessions
from jobs.source import connection, position
from jobs.verify import verify
from tests.support.syncing import Lab, read

ROW = "(id int PRIMARY KEY, v text DEFAULT 'own', updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
# Tables that have no children before.
ALONE: dict[str, dict[str, Any]] = {
    "stamped": {},
    "counted": {"watermark": "xid"},
    "compared": {"deletes": "compare"},
    "whole": {"watermark": "none"},
}
# Those that have some, and a view of one that has none.
MOVING: dict[str, dict[str, Any]] = {
    "parted": {},
    "nested": {"watermark": "none"},
    "above": {"watermark": "none"},
}
BELOW = {"nested": "child", "above": "whole"}


def made(url: str, folder: Path, modes: dict[str, dict[str, Any]]) -> Lab:
    """Tables with nine rows, tracked and synced by a process that goes on, with a changed row; and a kid for each."""
    lab = Lab(url, folder, [{"name": f"public.{name}", **mode} for name, mode in modes.items()], keep=OpenSessions())
    lab.run(*(f"CREATE TABLE {name} {ROW}" for name in (*ALONE, "nested")), "CREATE TABLE child () INHERITS (nested)")
    lab.run(f"CREATE TABLE parted {ROW} PARTITION BY RANGE (id)")
    lab.run("CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (100)")
    lab.run("CREATE VIEW above AS SELECT id, v FROM whole")
    written = [name for name in (*ALONE, *MOVING) if name != "above"]
    lab.run(*(f"INSERT INTO {name} SELECT g FROM generate_series(1, 9) g" for name in written))
    lab.track()
    lab.sync()
    lab.run(*(f"UPDATE {name} SET v = 'changed' WHERE id = 1" for name in written))
    for name in modes:
        lab.run(f"CREATE TABLE kid_of_{name} (LIKE {BELOW.get(name, name)} INCLUDING ALL)")
        # One stamped long ago, one a moment ago.
        lab.run(f"INSERT INTO kid_of_{name} VALUES (300, 'kid', '2020-01-01'), (301, 'kid', clock_timestamp())")
    return lab


def attach(lab: Lab, names: Sequence[str]) -> None:
    """Give each table, or one below it, its kid, and a row of its own at the same time."""
    for name in names:
        how = f"ALTER TABLE kid_of_{name} INHERIT {BELOW.get(name, name)}"
        if name == "parted":
            how = "ALTER TABLE parted ATTACH PARTITION kid_of_parted FOR VALUES FROM (300) TO (400)"
        lab.run(how, f"INSERT INTO {'whole' if name == 'above' else name} (id, v) VALUES (50, 'with it')")


def run(lab: Lab, way: str) -> None:
    """A run that finds all equal once it is done."""
    if way in ("delta", "full"):
        lab.sync(full=way == "full")
    else:
        assert all(table.equal for table in verify.verify(lab.job, repair=way == "repair").tables)


def after_the_snapshot(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[str]:
    """Have it done once in the next run."""
    done: list[str] = []
    one = position.one

    def asked(conn: connection.Connection, name: str) -> dict[str, Any]:
        found = one(conn, name)
        if name == "snapshot" and not done:
            done.append(name)
            act()
        return found

    patch.setattr(position, "one", asked)
    return done


@pytest.mark.few(1)
@pytest.mark.parametrize("way", ["delta", "full", "repair"])
def test_a_table_without_children_is_read_alone(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    lab = made(empty_db, tmp_path, ALONE)
    expected = {name: lab.source_rows(name) for name in ALONE}
    done = after_the_snapshot(monkeypatch, lambda: attach(lab, list(ALONE)))
    run(lab, way)
    assert done
    for name, rows in expected.items():
        found = read(lab.job.files.link, f"public.{name}", ["id", "v", "updated_at"])
        assert found == [row[:3] for row in rows], name


@pytest.mark.few(1)
@pytest.mark.parametrize("name", MOVING)
def test_a_run_is_begun_again_where_a_table_with_children_got_another(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What was written together with it is there, too, and the file is as of a moment after both."""
    lab = made(empty_db, tmp_path, {name: MOVING[name]})
    done = after_the_snapshot(monkeypatch, lambda: attach(lab, [name]))
    run(lab, "delta")
    assert done
    lab.assert_equal()


@pytest.mark.few(1)
@pytest.mark.parametrize("way", ["verify", "repair"])
def test_a_comparison_is_begun_again_too(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """After the run with which it brings the file up to date."""
    lab = made(empty_db, tmp_path, MOVING)
    caught_up, done = sync.run_in, []

    def then_attached(*given: Any) -> results.Run:
        found = caught_up(*given)
        if not done:
            done.append(found)
            attach(lab, list(MOVING))
        return found

    monkeypatch.setattr(sync, "run_in", then_attached)
    run(lab, way)
    assert done
    lab.assert_equal()
