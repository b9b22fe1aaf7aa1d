"""A run reads what changed of all its tables before it touches any of them in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from app import errors
from jobs.feeds.watermark import gather
from jobs.results import TableRun
from jobs.run.deltas import Deltas, Gathered, Ready
from tests.support.syncing import Lab

NAMES = ("first", "second", "third")


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Three tables that were synced twice, so that the next run is one of changes; each has changed since."""
    specs: list[dict[str, Any]] = [{"name": f"public.{name}", "watermark": "xid"} for name in NAMES]
    found = Lab(empty_db, tmp_path, specs)
    found.run(*(f"CREATE TABLE {name} (id int PRIMARY KEY, n int)" for name in NAMES))
    found.run(*(f"INSERT INTO {name} SELECT g, g FROM generate_series(1, 5) AS g" for name in NAMES))
    found.track()
    for turn in (1, 2):
        found.sync()
        found.run(*(f"UPDATE {name} SET n = {turn * 100} WHERE id = 1" for name in NAMES))
    found.run(*(f"DELETE FROM {name} WHERE id = 5" for name in NAMES))
    return found


def rows(lab: Lab, name: str) -> list[Any]:
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return file.execute(f"SELECT id, n FROM public.{name} ORDER BY id").fetchall()


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to which table, as it is done."""
    seen: list[str] = []
    gathering, applying = Deltas.gather, Deltas.apply

    def gather_(self: Deltas, step: Any, place: int) -> Gathered:
        seen.append(f"gather {step.table.name}")
        return gathering(self, step, place)

    def apply(self: Deltas, ready: Ready) -> TableRun:
        seen.append(f"apply {ready.name}")
        return applying(self, ready)

    monkeypatch.setattr(Deltas, "gather", gather_)
    monkeypatch.setattr(Deltas, "apply", apply)
    return seen


def test_all_tables_are_gathered_before_any_is_applied(lab: Lab, order: list[str]) -> None:
    run = lab.sync()
    assert order == [f"{what} public.{name}" for what in ("gather", "apply") for name in NAMES]
    assert {(table.rows_read, table.rows_in, table.rows_out) for table in run.tables} == {(1, 1, 1)}
    assert {tuple(rows(lab, name)) for name in NAMES} == {((1, 200), (2, 2), (3, 3), (4, 4))}


def test_a_table_that_fails_last_is_set_aside_and_the_others_are_gathered_again(
    lab: Lab, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gathering = gather.gather

    def fails(target: Any, step: Any, *args: Any, **options: Any) -> Any:
        found = gathering(target, step, *args, **options)
        if step.table.name == "public.third":
            raise errors.UnsupportedValue("public.third: a value can't be kept")
        return found

    monkeypatch.setattr(gather, "gather", fails)
    run = lab.sync()
    assert [what for what in order if "third" in what] == ["gather public.third"]
    assert order[3:] == [f"{what} public.{name}" for what in ("gather", "apply") for name in NAMES[:2]]
    assert [table.table for table in run.tables if table.error] == ["public.third"]
    assert rows(lab, "first") == rows(lab, "second") == [(1, 200), (2, 2), (3, 3), (4, 4)]
    assert rows(lab, "third")[0][1] != 200 and rows(lab, "third")[-1] == (5, 5)
