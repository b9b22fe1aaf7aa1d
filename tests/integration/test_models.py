"""Read models are equal to their SELECTs after every run, in both files, whatever happened to the tables beneath."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs import results
from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.status import report
from tests.support import modellab
from tests.support.modellab import check, write
from tests.support.modelshop import MODELS, MOVES, actions, moved, opened
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

MODES: dict[str, dict[str, Any]] = {
    "updated_at": {},
    "xid": {"watermark": "xid"},
    "none": {"watermark": "none"},
    "compare": {"deletes": "compare"},
}
OTHERS = ("xid", "none", "compare")


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """The shop in the common mode."""
    return opened(empty_db, tmp_path)


@pytest.mark.parametrize("mode", ["updated_at", *(pytest.param(mode, marks=pytest.mark.long) for mode in OTHERS)])
def test_every_kind_follows_every_change(empty_db: str, tmp_path: Path, mode: str) -> None:
    lab = opened(empty_db, tmp_path, **MODES[mode])
    for number, statement in enumerate(MOVES):
        lab.run(statement)
        if number % 3 != 1:
            lab.sync()
            check(lab)
    assert actions(moved(lab)) == {
        "wide": "rows", "per_day": "sums", "totals": "groups", "ranked": "whole",
    }  # fmt: skip
    check(lab, both=True)


@pytest.mark.each_feed
@pytest.mark.long
def test_sessions_that_stay_open_keep_models(empty_db: str, tmp_path: Path) -> None:
    keep = OpenSessions()
    lab = opened(empty_db, tmp_path, keep)
    for statement in MOVES:
        lab.run(statement)
        assert "built" not in set(actions(lab.sync()).values()) or len(lab.both) < 2 or statement == MOVES[0]
        check(lab)
    check(lab, both=True)
    assert not lab.sync().changed
    keep.close()


def test_a_table_without_a_key_and_soft_deletes(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(
        empty_db,
        tmp_path,
        [
            {"name": "public.loose", "watermark": "none"},
            {"name": "public.soft", "deletes": "soft", "soft_column": "gone", "exclude_columns": ["note"]},
        ],
    )
    lab.run(
        "CREATE TABLE loose (n int, x double precision)",
        "CREATE TABLE soft (id int PRIMARY KEY, n int, gone boolean DEFAULT false, note text, updated_at timestamptz)",
        "INSERT INTO loose VALUES (1, 0), (1, 0), (2, NULL), (NULL, 1)",
        "INSERT INTO soft SELECT g, g % 3 FROM generate_series(1, 9) AS g",
    )
    lab.track()
    write(lab, "counted", "SELECT n, count(*) AS c, count(x) AS x FROM public.loose GROUP BY n")
    write(lab, "kept", "SELECT s.id, l.n, l.x FROM public.soft s LEFT JOIN public.loose l ON l.n = s.n", "id")
    lab.sync()
    check(lab)
    for statement in (
        "DELETE FROM loose WHERE n = 1 AND ctid = (SELECT min(ctid) FROM loose)",
        "UPDATE loose SET x = '-0' WHERE n = 1",
        "UPDATE soft SET gone = true WHERE id = 4",
        "INSERT INTO loose VALUES (NULL, 2), (0, 0)",
        "UPDATE soft SET gone = false, n = NULL WHERE id = 4",
    ):
        lab.run(statement)
        lab.sync()
        check(lab)


def test_nothing_is_done_where_no_input_moved(lab: Lab) -> None:
    moved(lab)
    assert not lab.sync().changed
    lab.run("CREATE TABLE shop.other (id int PRIMARY KEY, updated_at timestamptz)")
    lab.specs.append({"name": "shop.other"})
    lab.track()
    lab.sync()
    lab.run("INSERT INTO shop.other VALUES (1)")
    assert lab.sync().models == ()
    lab.run("UPDATE shop.buyers SET name = name")
    assert {model.keys for model in lab.sync().models} == {0}


@pytest.mark.long
def test_a_model_is_altered_added_and_removed(lab: Lab) -> None:
    write(lab, "totals", MODELS["totals"][0].replace("max(", "min("), "id")
    done = {model.model: (model.action, model.cause) for model in lab.sync().models}
    assert done == {"totals": ("built", "altered"), "loyal": ("built", "input")}
    check(lab)
    modellab.remove(lab, "loyal")
    write(lab, "states", "SELECT state, count(*) AS n FROM shop.bills GROUP BY state")
    assert actions(lab.sync()).items() >= {"loyal": "removed", "states": "built"}.items()
    check(lab)
    assert "states" in actions(moved(lab))
    check(lab, both=True)
    for path in sorted((lab.folder / "models").iterdir()):
        path.unlink()
    lab.sync()
    check(lab)
    assert not lab.sync().changed


@pytest.mark.each_feed
@pytest.mark.long
def test_a_table_that_is_copied_anew_has_its_models_built_anew(lab: Lab) -> None:
    moved(lab)
    lab.run("UPDATE shop.buyers SET name = 'x' WHERE id = 1")
    run = lab.sync(full=True, tables=["shop.buyers"])
    assert {model.cause for model in run.models} == {"table"}
    check(lab)
    lab.run("ALTER TABLE shop.bills ADD COLUMN extra int", "UPDATE shop.bills SET extra = 1 WHERE id = 2")
    lab.sync()
    check(lab)
    moved(lab)
    lab.run("TRUNCATE shop.lines", "INSERT INTO shop.lines VALUES (1, 1, 1, 1)")
    lab.sync()
    check(lab)
    lab.sync(full=True)
    check(lab)
    moved(lab)


@pytest.mark.long
def test_a_run_of_some_tables_is_as_old_as_its_oldest_input(lab: Lab) -> None:
    before = report.read_status(lab.job)
    lab.run("UPDATE shop.bills SET day = day + 1", "UPDATE shop.buyers SET country = 'C7'")
    lab.sync(tables=["shop.bills"])
    check(lab)
    after = {model.model: model.as_of for model in report.read_status(lab.job).models}
    tables = {table.table: table.as_of for table in report.read_status(lab.job).tables}
    assert after["wide"] == tables["shop.buyers"] == before.tables[1].as_of
    assert after["ranked"] == tables["shop.bills"] != tables["shop.buyers"]
    lab.sync()
    check(lab)


@pytest.mark.long
def test_a_model_that_fails_costs_itself_and_those_above_and_heals(lab: Lab) -> None:
    write(
        lab,
        "shares",
        "SELECT id, 1 / CAST(total - 20 AS INTEGER) AS part, CAST(200 - total AS UTINYINT) AS rest FROM shop.bills",
        "id",
    )
    write(lab, "above", "SELECT rest, count(*) AS n FROM models.shares GROUP BY rest")
    assert not lab.sync().failed_models
    check(lab)
    lab.run("UPDATE shop.bills SET total = 300 WHERE id = 9", "DELETE FROM shop.lines WHERE bill = 9")
    run = lab.sync()
    assert {model.model for model in run.failed_models} == {"shares", "above"}
    assert not run.failed
    lab.assert_equal("shop.lines")
    check(lab, "shares", "above")
    status = report.read_status(lab.job)
    assert status.is_bad
    (told,) = (problem for problem in status.problems if "models.shares is not in the file" in problem)
    assert "models/shares.sql:2: DuckDB: Conversion Error" in told
    assert "TRY_CAST or NULLIF makes NULL of such a value" in told
    again = lab.sync()
    assert not again.changed
    assert {model.model for model in again.failed_models} == {"shares", "above"}
    moved_on = moved_without(lab, "shares", "above")
    assert actions(moved_on)["wide"] == "rows"
    lab.run("UPDATE shop.bills SET total = 30 WHERE id = 9")
    lab.sync()
    check(lab)
    lab.sync()
    moved(lab)
    check(lab, both=True)


def moved_without(lab: Lab, *absent: str) -> results.Run:
    for _ in range(2):
        lab.run("UPDATE shop.lines SET amount = amount + 1 WHERE bill = 12")
        run = lab.sync()
        check(lab, *absent)
    return run


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, now() AS t FROM shop.bills",
        "SELECT nonsense FROM shop.bills",
        "SELECT n FROM models.round",
        "DELETE FROM shop.bills",
        "SELECT id FROM shop.nowhere",
    ],
)
def test_a_bad_file_is_told_and_the_rest_goes_on(lab: Lab, text: str) -> None:
    write(lab, "round", text)
    run = lab.sync()
    assert [model.model for model in run.failed_models] == ["round"]
    check(lab, "round")
    assert not lab.sync().changed
    write(lab, "round", "SELECT id FROM shop.bills", "id")
    assert not lab.sync().failed_models
    check(lab)


def test_a_dry_run_says_what_would_happen_to_each(lab: Lab) -> None:
    lab.run("UPDATE shop.buyers SET name = 'x' WHERE id = 1")
    write(lab, "loyal", "SELECT n, count(*) AS buyers FROM models.totals GROUP BY n HAVING count(*) > 1")
    write(lab, "bad", "SELECT random() AS r FROM shop.bills")
    plan = {one.model: one for one in dryrun.dry_run(lab.job).models}
    assert {name: one.action for name, one in plan.items()} == {
        "wide": "rows", "per_day": "sums", "totals": "groups", "ranked": "none", "loyal": "build", "bad": "failed",
    }  # fmt: skip
    assert plan["loyal"].reason == "its text changed"
    assert plan["bad"].error
