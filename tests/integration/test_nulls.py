"""The rule `null`: what can't be kept becomes NULL, and every such value is counted where an operator looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.status import report
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

MODES = {
    "updated_at": {"watermark": "updated_at"},
    "xid": {"watermark": "xid"},
    "none": {"watermark": "none"},
    "wal": {"feed": "wal"},
}


def _lab(url: str, folder: Path, mode: str) -> Lab:
    lab = Lab(url, folder, [{"name": "public.t", "on_value": "null", "where": "id < 100", **MODES[mode]}])
    lab.run(
        "CREATE TABLE t (id int PRIMARY KEY, price numeric(6,2), tags int[], seen timestamptz,"
        " updated_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO t (id, price, tags) VALUES (1, 'NaN', '{{1,2}}'), (2, 'NaN', NULL), (3, 1.5, '{1}'),"
        " (4, NULL, '[2:2]={1}'), (200, 'NaN', NULL)",
    )
    lab.track()
    return lab


@pytest.mark.few(1)
@pytest.mark.parametrize("mode", MODES)
def test_values_that_become_null_are_counted_in_the_run_that_reads_them(
    empty_db: str, tmp_path: Path, mode: str
) -> None:
    lab = _lab(empty_db, tmp_path, mode)
    [first] = lab.sync().tables
    # The row that the filter leaves out is not among them.
    assert first.notes == ("2 values of price became NULL", "2 values of tags became NULL")
    lab.run("UPDATE t SET price = 'NaN' WHERE id = 3", "INSERT INTO t (id, price) VALUES (5, 2)")
    [second] = lab.sync().tables
    expected = {"none": ("3 values of price became NULL", "2 values of tags became NULL")}
    assert second.notes == expected.get(mode, ("1 value of price became NULL",))
    recorded = [run["tables"][0]["notes"] for run in report.history(lab.job, 2)]
    assert recorded == [list(second.notes), list(first.notes)]
    with lab.connect() as conn:
        conn.execute("UPDATE t SET seen = '294270-01-01' WHERE id = 3")
    assert any("seen became NULL" in note for note in lab.sync().tables[0].notes)


def test_where_nothing_becomes_null_nothing_is_said(empty_db: str, tmp_path: Path) -> None:
    lab = _lab(empty_db, tmp_path, "xid")
    lab.specs[0]["columns"] = ["id", "price", "updated_at"]
    lab.run("UPDATE t SET price = 1")
    assert lab.sync().tables[0].notes == ()
