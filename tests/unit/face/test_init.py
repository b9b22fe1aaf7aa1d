"""What `init` proposes, writes and says of many tables: the two ways to keep each, with what they cost."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.face import init, proposal
from jobs.init import text, ways
from jobs.init.choice import Choice, Proposal, duration

XID = {"watermark": "xid", "deletes": "tombstone"}
STAMPED = {"watermark": "updated_at", "stamp": "changed", "deletes": "tombstone"}
GB = 2**30


def big(name: str = "public.event", **more: Any) -> Choice:
    given: dict[str, Any] = {
        "rows": 30_000_000,
        "bytes": 5 * GB,
        "values": {"name": name, **XID},
        "reasons": ("Key (id).",),
    }
    return Choice(name, **given | more)


def proposed(*choices: Choice, may_track: bool = False) -> Proposal:
    return Proposal("shop", "look", list(choices), may_track)


def read(found: Proposal) -> tuple[str, dict[str, Any]]:
    written = text.config_text("postgresql://look@host/shop", found)
    return written, tomllib.loads(written)


def test_a_reader_compares_whole_what_triggers_would_follow_and_sees_both_figures() -> None:
    found = ways.for_a_reader(
        big(bytes=300_000_000, rows=3_000_000, values={"name": "public.event", "key": ["a"], **STAMPED})
    )
    assert found.values == {"name": "public.event", "key": ["a"], "watermark": "none"}
    assert found.tracked == STAMPED
    written, content = read(proposed(found))
    assert "# compared whole: 286.1 MB a run, about 3.0 s; track: 20 ms" in written
    assert content["tables"] == [found.values]


def test_triggers_are_not_praised_where_they_win_nothing() -> None:
    found = ways.for_a_reader(big(bytes=8192, rows=10))
    assert (found.whole, found.tracked) == (True, {})
    assert "track: " not in read(proposed(found))[0]


@pytest.mark.parametrize("other", [XID, {}])
def test_a_dear_table_is_left_out_with_both_ways_and_their_figures(other: dict[str, str]) -> None:
    values = {"name": "public.event", **(other or {"watermark": "none"})}
    found = ways.never_dear_in_silence(ways.for_a_reader(big(values=values)))
    written, content = read(proposed(found))
    assert found.off
    assert "tables" not in content
    assert "compared whole: 5.0 GB a run, about 54 s" in written
    assert ("track: 20 ms" in written) == ("neaptide track" in written) == ('"xid"' in written) == bool(other)
    # Each way by itself is an entry, as soon as somebody takes the marks off.
    entry = "\n".join(
        line.removeprefix("# ") for line in written.splitlines() if line.startswith("# [[") or "= " in line
    )
    assert tomllib.loads(entry[entry.index("[[tables]]") :])["tables"][0]["watermark"] == "none"
    assert not ways.never_dear_in_silence(big()).off


def test_a_run_that_takes_long_is_not_made_all_the_time() -> None:
    for seconds, every, wake in ((0.2, "10s", True), (2.0, "1m", False), (30.0, "15m", False), (900.0, "1h", False)):
        _, content = read(proposed(ways.for_a_reader(big(bytes=int((seconds - 0.025) * 1e8), rows=0))))
        assert (content["schedule"]["every"], content["schedule"]["wake_on_commit"]) == (every, wake)


def test_the_output_is_short_however_many_tables_there_are() -> None:
    many = [big(f"public.a_rather_long_name_of_a_table_{n}", bytes=n * 2**20, rows=n) for n in range(200)]
    choices = [ways.never_dear_in_silence(ways.for_a_reader(one)) for one in (*many, big("s.one"), big("s.two"))]
    lines = list(proposal.lines(proposed(*choices), track=False))
    assert len(lines) < 15
    assert max(map(len, lines)) <= 80
    said = "\n".join(lines)
    assert "200 tables   compared whole at each run, 19.4 GB, about 3 min" in said
    assert "s.one, s.two" in said
    assert "With triggers on 19" in said


SMALL, LEFT_OUT = ways.for_a_reader(big(bytes=1000)), ways.never_dear_in_silence(ways.for_a_reader(big()))
STEPS: dict[str, tuple[Choice, bool, str, list[str]]] = {
    "a reader": (SMALL, False, "config.toml", ["neaptide sync"]),
    "another config": (SMALL, False, "a/b.toml", ["neaptide --config a/b.toml sync"]),
    "for others to track": (
        big(), True, "config.toml",
        ["neaptide track --print --role look    for the tables' owner to run", "neaptide sync"],
    ),
    "no schema of ours may be made": (
        big(own=True), False, "config.toml",
        ["neaptide track --print --role look    for the tables' owner to run", "neaptide sync"],
    ),
    "the owner": (big(own=True), True, "config.toml", ["neaptide track", "neaptide sync"]),
    "tracked already": (ways.in_place(big()), False, "config.toml", ["neaptide sync"]),
    "nothing is turned on": (
        LEFT_OUT, True, "config.toml", ["turn on tables in config.toml, which says of each why it is left out"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STEPS)
def test_the_next_step_is_the_true_one(case: str) -> None:
    choice, may_track, path, steps = STEPS[case]
    found = proposed(choice, may_track=may_track)
    told = list(proposal.next_steps(found, Path(path), secret=False))
    assert [line.split(": ", 1)[1] for line in told] == steps
    assert told[0].startswith(f"{path} is written.  next: ")
    assert "PGPASSWORD" in "\n".join(proposal.next_steps(found, Path(path), secret=True))


def test_a_folder_is_meant_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url, path, told in (
        ("embedded:var/pg", "config.toml", "embedded:var/pg"), ("embedded:var/pg", "sub/c.toml", "embedded:../var/pg"),
        ("embedded:/srv/pg", "sub/c.toml", "embedded:/srv/pg"), ("postgresql://h/d", "sub/c.toml", "postgresql://h/d"),
    ):  # fmt: skip
        assert init._from_there(url, Path(path)) == told


def test_a_duration_is_for_people() -> None:
    assert [duration(one) for one in (0.001, 0.02, 0.44, 9.96, 52, 200)] == [
        "10 ms",
        "20 ms",
        "0.4 s",
        "10.0 s",
        "52 s",
        "3 min",
    ]
