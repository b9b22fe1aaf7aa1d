"""A run over several sources copies, writes and publishes one file; one source that fails takes nothing along."""

from __future__ import annotations

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
from tests.support import several
from tests.support.several import Sources

# Where the file of both may be found in another state than that of one.
KILLED = (
    "copied", "table_loaded", "snapshot_joined", "before_commit", "after_commit", "after_checkpoint", "kept_back",
    "before_swap", "after_swap", "before_freshness",
)  # fmt: skip
NOBODY = "postgresql://nobody@127.0.0.1:1/none"


def number(two: Sources) -> int:
    """How many versions were published by now."""
    return max(one.number for one in versions.listed(two.file))


def both_change(two: Sources, cents: int) -> None:
    for source in two.urls:
        two.run(source, f"UPDATE item SET cents = {cents} WHERE id < 4", f"DELETE FROM item WHERE id = {cents % 5 + 5}")


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
def test_one_file_is_copied_and_published_for_all(two: Sources, monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> None:
    two.keep = OpenSessions() if kept else None
    copies = counted(monkeypatch)
    two.sync()
    assert (number(two), len(copies)) == (1, 0)
    for turn in range(3):
        both_change(two, turn + 20)
        before, done = len(copies), two.sync()
        assert [one.changed for one in done.sources] == [True, True]
        assert len(copies) - before <= 1
        assert number(two) == turn + 2
        two.assert_equal()
        assert not two.sync().changed
    two.sync(full=True)
    assert number(two) == 5
    two.assert_equal()
    assert verify.verify(two.job).equal
    # Each run of each source stands in the record, with its end.
    runs = report.history(two.job, 20)
    assert len(runs) == 10 and all(one["seconds"] is not None for one in runs)
    assert {one.source: one.as_of for one in report.read_status(two.job).sources}.keys() == {"crm", "web"}


@pytest.mark.long
def test_nobody_waits_for_a_source_that_takes_its_time(two: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with much to copy anew, and one that was away."""
    monkeypatch.setattr(sync, "_MANY_ROWS", -1)
    two.sync()
    assert number(two) == 2
    two.assert_equal()
    monkeypatch.undo()
    away = Sources(two.urls | {"web": NOBODY}, two.folder, two.specs)
    away.sync()
    both_change(two, 30)
    seen: list[int] = []
    asked = several_sources._patient
    monkeypatch.setattr(several_sources, "_patient", lambda *given: (seen.append(number(two)), asked(*given))[1])
    two.sync()
    assert seen == [2, 3] and number(two) == 4
    two.assert_equal()
    assert verify.verify(two.job).equal
    assert all(one["seconds"] is not None for one in report.history(two.job, 20))


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
    two: Sources, monkeypatch: pytest.MonkeyPatch, at: str, source: str
) -> None:
    two.sync()
    both_change(two, 30)
    other, before = ({"crm", "web"} - {source}).pop(), two.of_file(source)
    if at != "apply":
        two.run(source, "TRUNCATE item", *several.ITEM[1:])
    with monkeypatch.context() as patch:
        failing(patch, "load" if at == "load" else "apply", errors.SourceUnavailable("it went away"), source)
        done = two.sync()
    assert [one.table for one in done.failed] == [f"{source}.item"]
    two.assert_equal(other)
    assert two.of_file(source) == before
    with duckdb.connect(str(two.file), read_only=True) as file:
        names = file.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name <> 'neaptide'").fetchall()
    assert names == [("item",), ("item",)]
    assert number(two) == 2
    two.sync()
    two.assert_equal()
    assert verify.verify(two.job).equal


@pytest.mark.parametrize("error", [Damaged("bad"), errors.TargetUnusable("no space is left")], ids=["bad", "full"])
def test_what_is_wrong_with_the_file_takes_no_source_along(
    two: Sources, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    two.sync()
    both_change(two, 30)
    with monkeypatch.context() as patch:
        failing(patch, "apply", error)
        with pytest.raises(errors.TargetUnusable):
            two.sync()
    two.assert_equal("crm")
    two.sync()
    two.assert_equal()
    assert verify.verify(two.job).equal


@pytest.mark.long
@pytest.mark.parametrize("point", KILLED)
def test_a_kill_anywhere_loses_nothing(two: Sources, point: str) -> None:
    """In the first load of both, and in a run in which both changed, whichever of the two comes by."""
    cli = two.cli()
    cli.process("sync", NEAPTIDE_FAULT=f"{point}:2")
    for nth in (1, 2):
        two.sync()
        two.assert_equal()
        before = {source: two.of_file(source) for source in two.urls}
        both_change(two, 40 + nth)
        cli.process("sync", NEAPTIDE_FAULT=f"{point}:{nth}")
        for source in two.urls:
            assert two.of_file(source) in (before[source], two.of_source(source)), (source, nth)
        two.run("web", f"UPDATE item SET cents = {nth} WHERE id = 1")
    two.sync()
    two.assert_equal()
    assert verify.verify(two.job).equal


@pytest.mark.long
@pytest.mark.parametrize("fails", [None, "crm", "web"])
def test_histories_and_models_over_both_go_on(two: Sources, monkeypatch: pytest.MonkeyPatch, fails: str | None) -> None:
    """Also where a table is copied anew in the transaction of its source, and where that is undone."""
    two.specs = [
        {**spec, "rename": f"{spec['source']}.{name}", "history": True}
        for spec, name in zip(two.specs, "cw", strict=True)
    ]
    (two.folder / "models").mkdir()
    (two.folder / "models" / "totals.sql").write_text(
        "SELECT c.id, c.cents + w.cents AS cents FROM crm.c AS c JOIN web.w AS w USING (id)"
    )
    assert not two.sync().failed_models
    for turn in range(3):
        both_change(two, 60 + turn)
        if turn:
            for source in two.urls:
                two.run(source, "CREATE TEMP TABLE was AS TABLE item; TRUNCATE item; INSERT INTO item TABLE was")
        with monkeypatch.context() as patch:
            if fails:
                failing(patch, "apply", errors.SourceUnavailable("it went away"), fails)
                two.sync()
                assert not two.sync(tables=[f"{other}.{other[0]}" for other in two.urls if other != fails]).failed
        found = two.sync()
        assert not found.failed and not found.failed_models
        two.assert_equal()
        assert verify.verify(two.job).equal
    with duckdb.connect(str(two.file), read_only=True) as file:
        for name in ("c", "w"):
            rows = file.execute(f"SELECT cents FROM history.{name} WHERE id = 1 ORDER BY valid_from").fetchall()
            assert [cents for (cents,) in rows] == [1, 60, 61, 62]
