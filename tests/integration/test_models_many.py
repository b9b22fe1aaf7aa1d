"""200 models: a run has to do with those whose tables changed, and looks at no other."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import errors
from jobs.models import file, planning
from jobs.models.analysis import select
from jobs.models.folder import found_in
from tests.support.modelworld import World

COUNT = 200
TEXTS = (
    ("SELECT b.state, count(*) AS n{0} FROM shop.bills b GROUP BY b.state", ""),
    ("SELECT l.bill, l.place, l.amount * {0} AS x FROM shop.lines l", "bill, place"),
    ("SELECT y.country, max(y.id) AS m{0} FROM shop.buyers y GROUP BY y.country", ""),
    ("SELECT m, count(*) AS n FROM models.buyers_{1} WHERE country <> 'ES' GROUP BY m", ""),
)


def models() -> dict[str, tuple[str, str]]:
    """A quarter of them reads buyers, and another quarter these."""
    found: dict[str, tuple[str, str]] = {}
    for number in range(COUNT // 4):
        bills, lines, buyers, above = ((text.format(number, number), key) for text, key in TEXTS)
        found |= {f"bills_{number}": bills, f"lines_{number}": lines, f"buyers_{number}": buyers}
        found[f"above_{number}"] = (
            above[0].replace("SELECT m,", f"SELECT m{number} AS m,").replace("BY m", "BY ALL"),
            "",
        )
    return found


@pytest.mark.long
def test_a_run_looks_at_the_models_whose_tables_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(models())
    world.run({"bills": [(1, 1, "2024-01-01", "open", 1.0)], "buyers": [(1, "one", "ES"), (2, "two", "FR")]})
    assert len(world.folder.models) == COUNT
    # As in a process that has only begun.
    monkeypatch.setattr(planning, "_last", planning._World(None))
    asked: list[str] = []
    analyse = select.analyse

    def noted(model: file.Model, *args: Any, **given: Any) -> Any:
        asked.append(model.name)
        return analyse(model, *args, **given)

    monkeypatch.setattr(select, "analyse", noted)
    runs = world.run({"buyers": [(3, "three", "FR")]})
    buyers = {f"{what}_{number}" for what in ("buyers", "above") for number in range(COUNT // 4)}
    assert set(asked) == {run.model for run in runs} == buyers
    assert world.wrong() == {}
    asked.clear()
    world.run({"buyers": [(3, "other", "ES")]})
    assert asked == []
    assert world.wrong() == {}


def test_a_file_is_read_again_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.sql"
    path.write_text("SELECT 1 AS a")
    assert found_in(tmp_path).models["one"].text == "SELECT 1 AS a"
    # At once, of the same length, and by a clock that did not tick.
    tick = time.time_ns()
    same = SimpleNamespace(st_ino=1, st_size=13, st_mtime_ns=tick, st_ctime_ns=tick, st_mode=stat.S_IFDIR)
    with monkeypatch.context() as coarse:
        coarse.setattr(Path, "stat", lambda *_, **__: same)
        for text in ("SELECT 1 AS a", "SELECT 2 AS a"):
            path.write_text(text)
            assert found_in(tmp_path).models["one"].text == text
    now = time.time_ns()
    monkeypatch.setattr(file.time, "time_ns", lambda: now + 10**10)
    assert found_in(tmp_path).models["one"] == file.parse("one", "SELECT 2 AS a", where=str(path))
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_text", lambda *_, **__: pytest.fail("it was read again"))
        assert found_in(tmp_path).models["one"].text == "SELECT 2 AS a"
    path.write_text("SELECT 3 AS a, 1 AS b")
    assert found_in(tmp_path).models["one"].text == "SELECT 3 AS a, 1 AS b"
    path.unlink()
    assert not found_in(tmp_path).models
    path.write_text("-- key: ,\nSELECT 1 AS a")
    for _ in range(2):
        assert isinstance(found_in(tmp_path).bad["one"], errors.ModelError)
