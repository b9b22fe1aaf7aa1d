"""The index on the stamp: a B-tree, a BRIN that leaves updates HOT, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import config
from jobs.tracking import install
from jobs.verify import verify
from tests.support.servers import ask
from tests.support.syncing import Lab

WIDE = "CREATE TABLE public.wide (id int PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())"


def lab_with(url: str, folder: Path, index: str) -> Lab:
    return Lab(url, folder, [{"name": "public.wide", "index": index}])


def methods(lab: Lab) -> str:
    """The kinds of the indexes that track made."""
    query = """
        SELECT coalesce(string_agg(m.amname, ',' ORDER BY c.relname), '')
        FROM pg_class AS c INNER JOIN pg_am AS m ON m.oid = c.relam WHERE starts_with(c.relname, 'neaptide_')
    """
    return str(ask(lab.url, query))


@pytest.mark.few(1)
@pytest.mark.parametrize("index", ["btree", "brin", "none"])
def test_runs_are_exact_with_every_kind_of_index(empty_db: str, tmp_path: Path, index: str) -> None:
    lab = lab_with(empty_db, tmp_path, index)
    lab.run(WIDE, "INSERT INTO wide SELECT g, 'row ' || g FROM generate_series(1, 2000) AS g")
    lab.track()
    assert install.track(lab.job, []) == []
    lab.sync()
    for change in (
        "UPDATE wide SET name = 'changed' WHERE id % 97 = 0",
        "INSERT INTO wide SELECT g, 'new' FROM generate_series(3001, 3500) AS g",
        "DELETE FROM wide WHERE id % 89 = 0",
    ):
        lab.run(change)
        lab.sync()
        lab.assert_equal()
    assert verify.verify(lab.job).equal


def test_another_kind_takes_the_place_of_the_one_that_track_made(empty_db: str, tmp_path: Path) -> None:
    lab_with(empty_db, tmp_path, "btree").run(WIDE)
    for index in ("btree", "brin", "none", "brin", "btree"):
        lab = lab_with(empty_db, tmp_path, index)
        lab.track()
        assert methods(lab) == index.replace("none", "")
        assert install.track(lab.job, []) == []


@pytest.mark.parametrize(("index", "hot"), [("btree", 0), ("brin", 1), ("none", 1)])
def test_only_a_btree_on_the_stamp_rules_out_hot_updates(empty_db: str, tmp_path: Path, index: str, hot: int) -> None:
    lab = lab_with(empty_db, tmp_path, index)
    lab.run(WIDE, "INSERT INTO wide VALUES (1, 'one')")
    lab.track()
    with lab.connect(autocommit=False) as conn:
        conn.execute("UPDATE wide SET name = 'two'")
        assert conn.execute("SELECT pg_stat_get_xact_tuples_hot_updated('wide'::regclass)").fetchone() == (hot,)


def test_a_brin_index_for_xid_is_refused_in_the_config() -> None:
    with pytest.raises(ValueError, match="no BRIN index for xid8"):
        config.Table(name="public.wide", watermark="xid", index="brin")
