"""A run over several sources copies, writes and publishes one file; one source that fails takes nothing along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app import errors, versions
from jobs.engine.failures import Damaged
from jobs.feeds.watermark import load
from jobs.run import several as several_sources
from jobs.run import sync, write
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.targets.file import draft
from jobs.verify import verify
from tests.support import cluster, several
from tests.support.several import Sources

# Where the file of both may be found in another state than that of one.
KILLED = (
    "copied", "table_loaded", "snapshot_joined", "before_commit", "after_commit", "after_checkpoint", "kept_back",
    "before_swap", "after_swap", "before_freshness",
)  # fmt: skip
NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def lab(postgres: cluster.Cluster, tmp_path: Path) -> Iterator[Sources]:
    with several.two(postgres, tmp_path) as found:
        yield found


def number(lab: Sources) -> int:
    """How many versions were published by now."""
    return max(one.number for one in versions.listed(lab.file))


def both_change(lab: Sources, cents: int) -> None:
    for source in lab.urls:
        lab.run(source, f"UPDATE item SET cents = {cents} WHERE id < 4", f"DELETE FROM item WHERE id = {cents % 5 + 5}")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each copy of the published file that is made from now on."""
    copies: list[Path] = []
    copied = draft.copy_published

    def copy(files: Any) -> None:
        copies.append(files.published)
        copied(files)

    monkeypatch.setattr(draft, "copy_published", copy)
    return copies


@pytest.mark.parametrize("kept", [False, True])
def test_one_file_is_copied_and_published_for_all(lab: Sources, monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> None:
    lab.keep = OpenSessions() if kept else None
    copies = counted(monkeypatch)
    lab.sync()
    assert (number(lab), len(copies)) == (1, 0)
    for turn in range(3):
        both_change(lab, turn + 20)
        before, done = len(copies), lab.sync()
        assert [one.changed for one in done.sources] == [True, True]
        assert len(copies) - before <= 1
        assert number(lab) == turn + 2
        lab.assert_equal()
        assert not lab.sync().changed
    lab.sync(full=True)
    assert number(lab) == 5
    lab.assert_equal()
    assert verify.verify(lab.job).equal
    # Each run of each source stands in the record, with its end.
    runs = report.history(lab.job, 20)
    assert len(runs) == 10 and all(one["seconds"] is not None for one in runs)
    assert {one.source: one.as_of for one in report.read_status(lab.job).sources}.keys() == {"crm", "web"}


@pytest.mark.long
def test_nobody_waits_for_a_source_that_takes_its_time(lab: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with much to copy anew, and one that was away."""
    monkeypatch.setattr(sync, "_MANY_ROWS", -1)
    lab.sync()
    assert number(lab) == 2
    lab.assert_equal()
    monkeypatch.undo()
    away = Sources(lab.urls | {"web": NOBODY}, lab.folder, lab.specs)
    away.sync()
    both_change(lab, 30)
    seen: list[int] = []
    asked = several_sources._patient
    monkeypatch.setattr(several_sources, "_patient", lambda *given: (seen.append(number(lab)), asked(*given))[1])
    lab.sync()
    assert seen == [2, 3] and number(lab) == 4
    lab.assert_equal()
    assert verify.verify(lab.job).equal
    assert all(one["seconds"] is not None for one in report.history(lab.job, 20))


def failing(monkeypatch: pytest.MonkeyPatch, at: str, error: Exception, source: str = "web") -> None:
    """The run of one source fails at a place."""
    if at == "load":
        copy = load.copy_tables

        def copied(session: Any, tables: Any, now: Any, **given: Any) -> Any:
            found = copy(session, tables, now, **given)
            if tables[0].name.startswith(source):
                raise error
            return found

        monkeypatch.setattr(load, "copy_tables", copied)
        return
    applied = write.Writer._applied

    def apply(self: Any, steps: Any, deltas: Any) -> Any:
        found = applied(self, steps, deltas)
        if self._context.job.part == source:
            raise error
        return found

    monkeypatch.setattr(write.Writer, "_applied", apply)


@pytest.mark.parametrize("at", ["load", "swap", "apply"])
@pytest.mark.parametrize("source", ["crm", "web"])
def test_a_source_that_fails_in_the_middle_leaves_the_other_published(
    lab: Sources, monkeypatch: pytest.MonkeyPatch, at: str, source: str
) -> None:
    lab.sync()
    both_change(lab, 30)
    other, before = ({"crm", "web"} - {source}).pop(), lab.of_file(source)
    if at != "apply":
        lab.run(source, "TRUNCATE item", *several.ITEM[1:])
    with monkeypatch.context() as patch:
        failing(patch, "load" if at == "load" else "apply", errors.SourceUnavailable("it went away"), source)
        done = lab.sync()
    assert [one.table for one in done.failed] == [f"{source}.item"]
    lab.assert_equal(other)
    assert lab.of_file(source) == before
    with duckdb.connect(str(lab.file), read_only=True) as file:
        names = file.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name <> 'neaptide'").fetchall()
    assert names == [("item",), ("item",)]
    assert number(lab) == 2
    lab.sync()
    lab.assert_equal()
    assert verify.verify(lab.job).equal


@pytest.mark.parametrize("error", [Damaged("bad"), errors.TargetUnusable("no space is left")], ids=["bad", "full"])
def test_what_is_wrong_with_the_file_takes_no_source_along(
    lab: Sources, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    lab.sync()
    both_change(lab, 30)
    with monkeypatch.context() as patch:
        failing(patch, "apply", error)
        with pytest.raises(errors.TargetUnusable):
            lab.sync()
    lab.assert_equal("crm")
    lab.sync()
    lab.assert_equal()
    assert verify.verify(lab.job).equal


@pytest.mark.long
@pytest.mark.parametrize("point", KILLED)
def test_a_kill_anywhere_loses_nothing(lab: Sources, point: str) -> None:
    """In the first load of both, and in a run in which both changed, whichever of the two comes by."""
    cli = lab.cli()
    cli.process("sync", NEAPTIDE_FAULT=f"{point}:2")
    for nth in (1, 2):
        lab.sync()
        lab.assert_equal()
        before = {source: lab.of_file(source) for source in lab.urls}
        both_change(lab, 40 + nth)
        cli.process("sync", NEAPTIDE_FAULT=f"{point}:{nth}")
        for source in lab.urls:
            assert lab.of_file(source) in (before[source], lab.of_source(source)), (source, nth)
        lab.run("web", f"UPDATE item SET cents = {nth} WHERE id = 1")
    lab.sync()
    lab.assert_equal()
    assert verify.verify(lab.job).equal


@pytest.mark.long
@pytest.mark.parametrize("fails", [None, "crm", "web"])
def test_histories_and_models_over_both_go_on(lab: Sources, monkeypatch: pytest.MonkeyPatch, fails: str | None) -> None:
    """Also where a table is copied anew in the transaction of its source, and where that is undone."""
    lab.specs = [
        {**spec, "rename": f"{spec['source']}.{name}", "history": True}
        for spec, name in zip(lab.specs, "cw", strict=True)
    ]
    (lab.folder / "models").mkdir()
    (lab.folder / "models" / "totals.sql").write_text(
        "SELECT c.id, c.cents + w.cents AS cents FROM crm.c AS c JOIN web.w AS w USING (id)"
    )
    assert not lab.sync().failed_models
    for turn in range(3):
        both_change(lab, 60 + turn)
        if turn:
            for source in lab.urls:
                lab.run(source, "CREATE TEMP TABLE was AS TABLE item; TRUNCATE item; INSERT INTO item TABLE was")
        with monkeypatch.context() as patch:
            if fails:
                failing(patch, "apply", errors.SourceUnavailable("it went away"), fails)
                lab.sync()
                assert not lab.sync(tables=[f"{other}.{other[0]}" for other in lab.urls if other != fails]).failed
        found = lab.sync()
        assert not found.failed and not found.failed_models
        lab.assert_equal()
        assert verify.verify(lab.job).equal
    with duckdb.connect(str(lab.file), read_only=True) as file:
        for name in ("c", "w"):
            rows = file.execute(f"SELECT cents FROM history.{name} WHERE id = 1 ORDER BY valid_from").fetchall()
            assert [cents for (cents,) in rows] == [1, 60, 61, 62]
