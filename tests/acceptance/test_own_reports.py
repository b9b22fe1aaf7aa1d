"""Reports of a project's own, from the command line, on a file of the shop's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import shopdata, shopfile
from tests.support.cli import Cli


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Cli]:
    """A folder with a config that names no reports, and a reporting file."""
    path = shopfile.build(tmp_path, shopdata.draw(9).tables)
    (tmp_path / "config.toml").write_text(
        f'[source]\nurl = "postgresql://nobody@localhost/none"\n[target]\npath = "{path}"\n'
        '[[tables]]\nname = "shop.orders"\n'
    )
    yield Cli(tmp_path)


def test_a_project_without_reports_says_how_to_write_one(project: Cli) -> None:
    done = project("report").ok()
    assert done.out == ""
    assert "neaptide report new NAME" in done.err


def test_a_new_report_runs_as_it_is_written(project: Cli) -> None:
    assert "reports/open_orders.sql" in project("report", "new", "open_orders").ok().err
    assert (project.folder / "reports" / "open_orders.sql").exists()
    assert project("report", "open_orders", "-p", "limit=2").ok().out.count("\n") > 2
    assert "open_orders" in project("report").ok().out
    assert project("report", "--check").ok().out.split()[-1] == "ok"
    assert project("report", "new", "open_orders").code == 2


@pytest.mark.few(2)
@pytest.mark.parametrize("name", ["_shared", "a-b", "../a", "new", "a b", ""])
def test_a_name_that_is_no_report_s_is_refused(project: Cli, name: str) -> None:
    assert project("report", "new", name).code == 2
    assert not list(project.folder.glob("**/*.sql"))


def test_what_can_t_be_answered_is_listed_with_the_reason_and_spoils_nothing(project: Cli) -> None:
    folder = project.folder / "reports"
    folder.mkdir()
    (folder / "good.sql").write_text("SELECT count(*) AS orders FROM shop.orders")
    (folder / "gone.sql").write_text("SELECT * FROM shop.no_such_table")
    (folder / "misspelled.sql").write_text("-- parm: a integer\nSELECT 1")
    (folder / "broken.sql").write_text("SELEC 1")
    listed = project("report").ok()
    assert "good" in listed.out
    assert not {"gone", "misspelled", "broken"} & set(listed.out.split())
    assert "gone: " in listed.err and "no_such_table" in listed.err
    assert "misspelled.sql" in listed.err and "broken: " in listed.err
    assert project("report", "good").ok()
    checked = project("report", "--check", "--json")
    assert checked.code == 1
    assert {one["name"]: one["ok"] for one in checked.json} == {
        "broken": False, "gone": False, "good": True, "misspelled": False,
    }  # fmt: skip
    misspelled = project("report", "misspelled")
    assert misspelled.code == 2 and "did you mean param?" in misspelled.err


def test_help_of_a_report_shows_its_parameters(project: Cli) -> None:
    folder = project.folder / "reports"
    folder.mkdir()
    (folder / "mine.sql").write_text(
        "-- title: Mine\n-- param: since date | first day\n-- param: n integer >= 1 = 3 | rows\nSELECT $since, $n"
    )
    shown = project("report", "mine", "--help").ok().out
    assert all(
        word in shown for word in ("Mine", "since", "date", "must be given", "first day", "integer", "3", "rows")
    )
    assert "neaptide report mine -p since=" in shown
    assert "Usage" in project("report", "--help").ok().out
    assert project("report", "mine").code == 2
