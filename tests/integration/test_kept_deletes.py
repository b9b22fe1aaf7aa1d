"""With `deletes = "ignore"` a row that was published stays published, whichever of the two files is."""

from __future__ import annotations

import random
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from jobs import faults
from jobs.sessions import OpenSessions
from tests.support.events import telling
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

KINDS: dict[str, dict[str, Any]] = {
    "stamped": {},
    "counted": {"watermark": "xid"},
    "whole": {"watermark": "none"},
    "logged": {"feed": "wal"},
    "told": {"feed": "events", "watermark": "none"},
    "filtered": {"where": "v > 0"},
}
STOPS = ("work_opened", "snapshot_joined", "table_done", "before_commit", "after_commit", "before_swap", "after_swap")
WRITES = (
    "INSERT INTO {t} VALUES ({k}, {v}) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "UPDATE {t} SET v = v + 1 WHERE id = {k}",
    "UPDATE {t} SET id = id + 100 WHERE id = {k} AND NOT EXISTS (SELECT FROM {t} WHERE id = {k} + 100)",
    "DELETE FROM {t} WHERE id = {k}",
    "DELETE FROM {t} WHERE id = {k}",
)
Rows = dict[str, tuple[str, ...]]


class Killed(BaseException):
    """Ends a run as a kill would, but for the process."""


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of each kind, and one that gives every run something to write."""
    specs = [{"name": f"public.{name}", "deletes": "ignore", **kind} for name, kind in KINDS.items()]
    found = Lab(empty_db, tmp_path, [*specs, {"name": "public.live"}])
    for name in (*KINDS, "live"):
        found.run(f"CREATE TABLE {name} (id int PRIMARY KEY, v int, f float8 DEFAULT 0.1)")
        found.run(f"INSERT INTO {name} SELECT g, g FROM generate_series(1, 20) AS g")
    found.track()
    found.run(*telling("public.told", "id"))
    found.sync()
    tick(found)
    return found


def tick(lab: Lab) -> None:
    lab.run("INSERT INTO live SELECT max(id) + 1 FROM live")
    lab.sync()


def each(lab: Lab, *statements: str) -> None:
    lab.run(*(statement.replace("{t}", name) for statement in statements for name in KINDS))


def rows(lab: Lab, table: str) -> Rows:
    return {row[0]: row for row in lab.file_rows(f"public.{table}")}


def test_what_came_and_went_between_two_runs_of_a_file_stays_in_both(lab: Lab) -> None:
    each(lab, "INSERT INTO {t} VALUES (50, 1)", "UPDATE {t} SET v = 77 WHERE id = 2")
    lab.sync()
    each(lab, "DELETE FROM {t} WHERE id IN (2, 50)")
    for _ in range(3):
        tick(lab)
        for name in KINDS:
            found = rows(lab, name)
            assert found["50"][1] == "1", name
            assert found["2"][1] == "77", name
    lab.assert_equal("public.live")


@pytest.mark.long
def test_what_a_table_that_was_copied_anew_kept_since_stays(lab: Lab) -> None:
    each(lab, "TRUNCATE {t}", "INSERT INTO {t} VALUES (50, 1)")
    lab.sync()
    each(lab, "DELETE FROM {t} WHERE id = 50")
    for _ in range(3):
        tick(lab)
        assert [name for name in KINDS if "50" not in rows(lab, name)] == []


def in_source(lab: Lab, table: str) -> Rows:
    return {row[0]: row for row in lab.source_rows(f"public.{table}")}


def stopped(lab: Lab, where: str) -> None:
    def point(name: str) -> None:
        if name == where:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(faults, "point", point)
        lab.sync()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_nothing_that_was_published_goes_whatever_is_cut_short(lab: Lab, seed: int) -> None:
    luck = random.Random(seed)
    last = {name: rows(lab, name) for name in KINDS}
    with closing(OpenSessions()) as keep:
        for turn in range(1, 25):
            for name in KINDS:
                for _ in range(luck.randrange(3)):
                    lab.run(luck.choice(WRITES).format(t=name, k=luck.randrange(30), v=turn))
            lab.run("INSERT INTO live SELECT max(id) + 1 FROM live")
            lab.keep = keep if luck.random() < 0.4 else None
            if luck.random() < 0.3:
                stopped(lab, luck.choice(STOPS))
            else:
                lab.sync()
            # A run that was cut short before it published has left all as it was.
            if lab.file_rows("public.live") == lab.source_rows("public.live"):
                published = {name: rows(lab, name) for name in KINDS}
                assert published == {name: last[name] | in_source(lab, name) for name in KINDS}, turn
                last = published
