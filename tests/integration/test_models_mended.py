"""Read models after a repair, a kill, and with files that another version or program wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from app import errors
from jobs import faults
from jobs.status import report
from jobs.targets.file import compact
from jobs.verify import verify
from jobs.verify.models import compare, mend
from tests.support import modellab, runs
from tests.support.modellab import check, write
from tests.support.modelshop import MODELS, MOVES, actions, moved, opened
from tests.support.modelworld import World
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """The shop in the common mode."""
    return opened(empty_db, tmp_path)


@pytest.mark.long
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


def test_what_lies_hidden_behind_a_model_of_sums_is_compared_too() -> None:
    world = World({"paid": ("SELECT state, sum(weight::INTEGER) AS weight FROM shop.bills GROUP BY state", "")})
    world.run({"bills": [(1, 1, "2024-01-01", "open", 1.0), (2, 1, "2024-01-01", "paid", None)]})
    assert [one.equal for one in compare(world.file, world.folder)] == [True]
    world.connection.execute("UPDATE neaptide.\"sums of paid\" SET neaptide_rows = 7 WHERE state = 'open'")
    assert [(one.missing, one.extra) for one in compare(world.file, world.folder)] == [(1, 1)]
    mended = mend(world.file, world.folder, "000000002-mended")
    assert [(one.repaired, one.error) for one in mended] == [(True, None)]
    assert [one.equal for one in compare(world.file, world.folder)] == [True]


def test_what_a_repair_puts_back_is_no_error() -> None:
    world = World({"paid": ("SELECT state, count(*) AS n FROM shop.bills GROUP BY state", "")})
    world.run({"bills": [(1, 1, "2024-01-01", "open", 1.0)]})
    world.connection.execute("DELETE FROM neaptide.models")
    mended = mend(world.file, world.folder, "000000002-mended")
    assert [(one.repaired, one.missing, one.error) for one in mended] == [(True, 1, None)]


@pytest.mark.each_feed
@pytest.mark.long
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


@pytest.mark.long
def test_a_version_that_keeps_models_otherwise_builds_them_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not lab.sync().changed
    monkeypatch.setattr("jobs.models.standing.UPKEEP", 1000)
    assert {model.reason for model in lab.sync().models} <= {
        "this version keeps it otherwise",
        "models.totals is built anew",
    }
    check(lab)
    assert not lab.sync().changed


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
