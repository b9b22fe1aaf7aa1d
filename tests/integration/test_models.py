"""Read models are equal to their SELECTs after every run, in both files, whatever happened to the tables beneath."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app import errors
from jobs import faults, results
from jobs.run import dryrun
from jobs.sessions import Keep
from jobs.status import report
from jobs.targets.file import compact
from jobs.verify import verify
from tests.support import modellab, runs
from tests.support.modellab import check, write
from tests.support.syncing import Lab

BUYERS = "CREATE TABLE shop.buyers (id int PRIMARY KEY, name text, country text)"
BILLS = (
    "CREATE TABLE shop.bills (id int PRIMARY KEY, buyer int, day date, state text, total numeric(12, 2), "
    "weight double precision)"
)
LINES = "CREATE TABLE shop.lines (bill int, place int, article int, amount numeric(10, 2), PRIMARY KEY (bill, place))"
FILL = (
    "INSERT INTO shop.buyers SELECT g, 'buyer ' || g, CASE WHEN g % 4 > 0 THEN 'C' || g % 3 END "
    "FROM generate_series(1, 12) AS g",
    "INSERT INTO shop.bills SELECT g, 1 + g % 12, '2024-01-01'::date + g % 5, CASE WHEN g % 5 = 0 THEN 'open' "
    "ELSE 'paid' END, g, g % 3 FROM generate_series(1, 40) AS g",
    "INSERT INTO shop.lines SELECT 1 + g % 40, g / 40, g % 7, g FROM generate_series(1, 119) AS g",
)
MODELS = {
    "wide": (
        "SELECT l.bill, l.place, b.day, b.state, b.weight, y.name, l.amount FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill LEFT JOIN shop.buyers y ON y.id = b.buyer WHERE b.state <> 'void'",
        "bill, place",
    ),
    "per_day": (
        "SELECT CAST(b.day AS VARCHAR) AS date, y.country, count(*) AS n, "
        "CAST(sum(l.amount) AS DECIMAL(18, 2)) AS amount, "
        "sum(l.amount) FILTER (WHERE b.state = 'open') AS open FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill JOIN shop.buyers y ON y.id = b.buyer GROUP BY date, y.country",
        "",
    ),
    "totals": (
        "SELECT y.id, count(b.id) AS n, max(b.total) AS largest FROM shop.buyers y "
        "LEFT JOIN shop.bills b ON b.buyer = y.id GROUP BY y.id",
        "id",
    ),
    "ranked": ("SELECT id, rank() OVER (ORDER BY total DESC) AS rank FROM shop.bills", ""),
    "loyal": ("SELECT n, count(*) AS buyers FROM models.totals GROUP BY n", ""),
}
MOVES = (
    "UPDATE shop.bills SET day = day + 1, state = 'void' WHERE id = 3",
    "DELETE FROM shop.lines WHERE bill = 3",
    "UPDATE shop.buyers SET country = 'C9', name = 'moved' WHERE id IN (2, 4)",
    "DELETE FROM shop.buyers WHERE id = 5",
    "INSERT INTO shop.lines VALUES (7, 90, NULL, 5), (999, 1, 1, 1)",
    "INSERT INTO shop.bills VALUES (999, 2, '2024-02-01', 'open', NULL, '-0')",
    "UPDATE shop.bills SET id = 500 WHERE id = 8",
    "UPDATE shop.bills SET weight = '-0' WHERE id < 3",
    "DELETE FROM shop.bills WHERE id = 999",
    "UPDATE shop.lines SET amount = amount + 1 WHERE article = 2",
)
MODES: dict[str, dict[str, Any]] = {
    "updated_at": {},
    "xid": {"watermark": "xid"},
    "none": {"watermark": "none"},
    "compare": {"deletes": "compare"},
}
OTHERS = ("xid", "none", "compare")


def opened(url: str, folder: Path, keep: Keep | None = None, **spec: Any) -> Lab:
    """Three tables of a shop, synced, with a model of each kind."""
    lab = Lab(url, folder, [{"name": f"shop.{name}", **spec} for name in ("buyers", "bills", "lines")], keep=keep)
    stamp = "" if spec.get("watermark") in ("xid", "none") else ", updated_at timestamptz"
    lab.run("CREATE SCHEMA shop", *(f"{table[:-1]}{stamp})" for table in (BUYERS, BILLS, LINES)), *FILL)
    lab.track()
    for name, (select, key) in MODELS.items():
        write(lab, name, select, key)
    lab.sync()
    check(lab)
    return lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """The shop in the common mode."""
    return opened(empty_db, tmp_path)


def actions(run: results.Run) -> dict[str, str]:
    return {model.model: model.action for model in run.models}


def moved(lab: Lab, turns: int = 2) -> results.Run:
    """One change of an order and one of a line, synced, so often."""
    for turn in range(turns):
        lab.run(
            f"UPDATE shop.bills SET total = coalesce(total, 0) + 1, day = day + 1 WHERE id = {10 + turn}",
            f"UPDATE shop.lines SET amount = amount + 1 WHERE bill = {11 + turn}",
        )
        run = lab.sync()
        check(lab)
    return run


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


@pytest.mark.long
def test_sessions_that_stay_open_keep_models(empty_db: str, tmp_path: Path) -> None:
    keep = Keep()
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


def test_verify_finds_and_mends_a_model_that_is_wrong(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.models import restricted

    with monkeypatch.context() as broken:
        broken.setattr(restricted.Restricted, "find", lambda _: False)
        lab.run("UPDATE shop.buyers SET name = 'told nobody' WHERE id = 3")
        lab.sync()
    found = verify.verify(lab.job)
    assert not found.equal
    assert {one.model: (one.missing, one.extra) for one in found.models if not one.equal} == {"wide": (12, 12)}
    mended = verify.verify(lab.job, repair=True)
    assert [one.model for one in mended.models if one.repaired] == ["wide"]
    check(lab)
    assert verify.verify(lab.job).equal
    moved(lab)


def test_a_table_that_verify_mends_takes_its_models_along(lab: Lab) -> None:
    with lab.connect() as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("ALTER TABLE shop.buyers DISABLE TRIGGER ALL")
        conn.execute("UPDATE shop.buyers SET name = 'unseen' WHERE id = 3")
        conn.execute("ALTER TABLE shop.buyers ENABLE TRIGGER ALL")
    lab.track()
    found = verify.verify(lab.job, repair=True)
    if found.tables[0].different:
        assert {one.model for one in found.models if one.repaired} >= {"wide"}
    check(lab)
    lab.sync()
    moved(lab)


@pytest.mark.long
@pytest.mark.parametrize(
    "point",
    [
        "table_done",
        *faults.OF_MODELS,
        "before_commit",
        "after_commit",
        "snapshot_released",
        "after_checkpoint",
        "after_swap",
    ],
)
def test_a_run_that_is_killed_leaves_models_that_the_next_one_knows(lab: Lab, point: str) -> None:
    moved(lab)
    lab.run(*MOVES)
    if point == "model_built":
        write(lab, "totals", MODELS["totals"][0] + " HAVING count(*) > 0", "id")
    runs.killed_at(lab.job, point)
    lab.run("UPDATE shop.bills SET day = day + 1 WHERE id = 20")
    lab.sync()
    check(lab)
    moved(lab)
    check(lab, both=True)


@pytest.mark.long
def test_a_compact_copy_holds_the_models(lab: Lab) -> None:
    moved(lab)
    compact.rebuild(lab.job, lab.spare)
    run = moved(lab)
    assert "built" not in actions(run).values()
    check(lab, both=True)


@pytest.mark.long
def test_an_older_file_gets_its_models(lab: Lab) -> None:
    """As a version leaves it that knows of no models: it moves the watermarks and leaves the ledger alone."""
    moved(lab)
    texts = {path: path.read_text() for path in (lab.folder / "models").iterdir()}

    def unknowing(work: Callable[[], object]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("jobs.run.write.Upkeep.begin", lambda _: None)
            patch.setattr("jobs.run.unchanged.standing.differ", lambda *_: False)
            work()

    lab.run(*MOVES)
    unknowing(lab.sync)
    assert texts
    assert lab.sync().changed
    check(lab)
    moved(lab)


def test_a_version_that_keeps_models_otherwise_builds_them_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not lab.sync().changed
    monkeypatch.setattr("jobs.models.standing.UPKEEP", 1000)
    assert {model.reason for model in lab.sync().models} <= {
        "this version keeps it otherwise",
        "models.totals is built anew",
    }
    check(lab)
    assert not lab.sync().changed


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


def test_a_file_of_models_holds_no_views_of_others(lab: Lab) -> None:
    path = lab.both[0]
    path.chmod(0o600)
    with duckdb.connect(str(path)) as file:
        file.execute("CREATE OR REPLACE VIEW models.per_day AS SELECT * FROM read_csv('/etc/passwd')")
    with pytest.raises(errors.TargetUnusable):
        report.read_status(lab.job)


@pytest.mark.long
def test_what_another_program_made_of_a_model_does_not_outlive_a_repair(lab: Lab) -> None:
    path = lab.both[0]
    path.chmod(0o600)
    with duckdb.connect(str(path)) as file:
        file.execute("UPDATE models.wide SET name = 'forged'")
    verify.verify(lab.job, repair=True, tables=["shop.bills"])
    assert "wide" not in modellab.names(lab.both[0]) or modellab.difference(lab.both[0], "wide", MODELS["wide"][0]) == 0
    lab.sync()
    check(lab)
