"""What lies beside the reporting file is believed only where it has the form of what Neaptide writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import notes as plain
from jobs.beside import notes, smallfile
from jobs.beside.names import Names
from jobs.beside.rights import Rights
from jobs.feeds.wal import place as places
from jobs.feeds.wal.place import Place
from jobs.position import clock
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.results import ModelRun
from jobs.status import board
from jobs.status.board import Board
from jobs.targets.file import freshness

NOW = datetime.now(UTC)
READING = clock.reading(NOW, clock.instant())


@pytest.fixture
def target(tmp_path: Path) -> Names:
    """A target with both notes as they are written."""
    found = Names(tmp_path / "reporting.duckdb")
    mark = {"snapshot": "7:9:8", "as_of": NOW.isoformat(), "floor": None, "standby": False, "wal_end": "0/1A"}
    models = [asdict(ModelRun("totals", "built", "groups", 3, 3, 0.1, "first build", "first"))]
    ended = {
        "run_id": "000000001-aaaaaa", "finished_at": NOW.isoformat(), "phases": {"probe": 0.1}, "models": models,
    }  # fmt: skip
    quiet = freshness.Quiet(NOW, ["public.b"], [{**mark, "log": "", "tables": ["public.a"]}])
    freshness.write(found, "000000001-aaaaaa", NOW, READING, clock.instant(), ended, quiet)
    board.write(found, Board(last_error="lost", last_error_at=NOW, next_run=NOW + timedelta(days=40)))
    return found


def test_what_is_written_is_read(target: Names) -> None:
    found = freshness.read(target)
    assert found == json.loads(target.beside("freshness").read_text())
    assert board.read(target) == {**json.loads(target.beside("daemon").read_text()), "alive": True}


@pytest.mark.parametrize(
    "place",
    [
        Place(26, "5.6"),
        Place(26, f"5.6/{'0123456789abcdef'}"),
        Place(26, "5.6", frozenset({7, 9, 12})),
        Place(26, "5.6", frozenset(), 99),
        Place(2**64 - 2, f"4294967295.18446744073709551615/{'f' * 16}", frozenset({2**64 - 1, 3}), 2**64 - 1),
    ],
)
def test_whatever_a_log_s_place_says_is_read(tmp_path: Path, place: Place) -> None:
    """Else nobody would know any more that the source was asked since the last change."""
    names = Names(tmp_path / "reporting.duckdb")
    mark = {"snapshot": "7:9:8", "as_of": NOW.isoformat(), "floor": None, "standby": False, "wal_end": "0/1A"}
    quiet = freshness.Quiet(NOW, [], [{**mark, "log": place.as_text(), "tables": ["public.a"]}])
    freshness.write(names, "000000001-aaaaaa", NOW, READING, clock.instant(), None, quiet)
    assert freshness.read(names)["quiet"][0]["log"] == place.as_text()
    assert places.of(Watermark(Snapshot.parse("7:9:8", as_of=NOW), None, log=place.as_text())) == place


def path_of(content: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    for part in path[:-1]:
        content = content[part]
    return content, path[-1]


FAR, LATER = "9999-12-31T23:59:59+00:00", (NOW + timedelta(days=3)).isoformat()
WRONG: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = [
    (("run_id",), (1, None, [])),
    (("as_of",), (FAR, LATER, "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00", 7, "", None)),
    (("clock",), ([], 1, "x", {"server": 1}, {**READING, "server": FAR}, {**READING, "seconds": "1"})),
    (("began",), ({"boot": None, "seconds": 1}, {**clock.instant(), "seconds": 1e300}, {"seconds": []}, [1], 3)),
    (("ended",), (1, {}, {"run_id": "x"}, "x")),
    (("ended", "phases"), ({"probe": "long"}, [], {"probe": None})),
    (("ended", "finished_at"), (FAR, 1)),
    (("ended", "models"), ("x", [{}], [None])),
    (("ended", "models", 0, "seconds"), ("long", None)),
    (("left",), (1, "public.a", [1], {})),
    (("quiet",), (1, {}, ["x"], [{}])),
    (("quiet", 0, "snapshot"), ("x", "1:2", "a:b:", "1:2:x", "9" * 5000 + ":1:", 1)),
    (("quiet", 0, "floor"), (FAR, 1, "")),
    (("quiet", 0, "wal_end"), ("x", "0/G", 1, None)),
    (("quiet", 0, "tables"), ("public.a", [[]], {})),
]


PATHS = [".".join(map(str, path)) for path, _ in WRONG]


@pytest.mark.parametrize(("path", "values"), WRONG, ids=PATHS)
def test_freshness_of_another_form_is_none(target: Names, path: tuple[Any, ...], values: tuple[Any, ...]) -> None:
    content = json.loads(target.beside("freshness").read_text())
    holder, key = path_of(content, path)
    for value in values:
        holder[key] = value
        target.beside("freshness").write_text(json.dumps(content))
        assert freshness.read(target) == {}, value
        assert freshness.as_of(target) is None


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("pid", (0, -1, 2**40, "1", None, True)),
        ("host", (1, None)),
        ("failures_in_a_row", (-1, "1", 2**70)),
        ("next_run", (1, "soon", "2026-01-01")),
        ("started_at", (FAR, None, 1)),
        ("problems", ("x", [1])),
    ],
)
def test_word_of_a_daemon_of_another_form_is_none(target: Names, key: str, values: tuple[Any, ...]) -> None:
    path = target.beside("daemon")
    content = json.loads(path.read_text())
    for value in values:
        path.write_text(json.dumps({**content, key: value}))
        assert board.read(target) is None, value


def test_what_a_daemon_said_steers_no_terminal(target: Names) -> None:
    path = target.beside("daemon")
    path.write_text(json.dumps({**json.loads(path.read_text()), "last_error": "\x1b[2J\nlost\x07"}))
    found = board.read(target)
    assert found is not None
    assert found["last_error"] == "\ufffd[2J\nlost\ufffd"


NO_TEXT: dict[str, Callable[[Path], object]] = {
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00{}"),
    "nesting": lambda path: path.write_text("[" * 100_000 + "]" * 100_000),
    "deep": lambda path: path.write_text('{"a":' * 50_000 + "1" + "}" * 50_000),
    "number": lambda path: path.write_text("1" * 100_000),
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "link": lambda path: path.symlink_to("/etc/hostname"),
    "nothing": lambda path: path.touch(),
}


@pytest.mark.parametrize("what", NO_TEXT)
def test_what_is_no_note_at_all_is_none_and_nobody_waits_for_it(target: Names, what: str) -> None:
    for path, form in ((target.beside("freshness"), notes.Freshness), (target.beside("daemon"), notes.Daemon)):
        path.unlink()
        NO_TEXT[what](path)
        assert notes.read(path, form) == {}
        assert plain.parsed(path) == {}


def test_a_note_is_written_in_place_of_a_link_and_not_through_it(target: Names, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    for path in (target.beside("freshness"), plain.passing(target.beside("freshness"))):
        path.unlink(missing_ok=True)
        path.symlink_to(mine)
    smallfile.write(target.beside("freshness"), "{}", Rights())
    assert (target.beside("freshness").read_text(), target.beside("freshness").is_symlink()) == ("{}", False)
    assert mine.read_text() == "precious"
