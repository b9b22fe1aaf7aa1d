"""When something is told: once, once it is over, and not too often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import config, errors, redaction
from jobs.alerts import delivery, ledger
from jobs.alerts.ledger import BURST, EVERY, HOLD, QUIET, Condition, Fact, Ledger, Notice
from jobs.beside.names import Names
from jobs.daemon import remembered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B = Condition("failed", "a", "a is away"), Condition("stale", "b", "b is old")


def keys(notice: Notice) -> tuple[list[str], list[str], list[str]]:
    return tuple([fact.key for fact in part] for part in (notice.firing, notice.resolved, notice.events))  # type: ignore[return-value]


def watched(*looks: tuple[float, list[Condition]], book: Ledger | None = None) -> list[tuple[float, Any, Any]]:
    """When something was told, and what."""
    book = book or Ledger()
    told = [(at, keys(book.look(wrong, NOW, at))) for at, wrong in looks]
    return [(at, began, over) for at, (began, over, _) in told if began or over]


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param([(0, [A]), (1, [])], [], id="a failure that the next attempt mends is none"),
        pytest.param([(0, [A]), (3, [A]), (9, [A]), (900, [A])], [(3, ["a"], [])], id="told once"),
        pytest.param([(0, [A]), (3, [A]), (4, []), (7, [])], [(3, ["a"], []), (7, [], ["a"])], id="over, told once"),
        pytest.param([(0, [A]), (3, [A]), (4, []), (5, [A]), (20, [A])], [(3, ["a"], [])], id="a blink is not over"),
        pytest.param([(0, [A, B]), (3, [A, B])], [(3, ["a", "b"], [])], id="several at once are one message"),
        pytest.param(
            [(0, [A]), (3, [A]), (4, []), (7, []), (8, [A]), (60, [A]), (7 + QUIET, [A])],
            [(3, ["a"], []), (7, [], ["a"]), (7 + QUIET, ["a"], [])],
            id="what comes back soon is told later",
        ),
    ],
)
def test_each_is_told_once(looks: Any, told: Any) -> None:
    assert watched(*looks) == told


def test_what_was_told_before_a_restart_is_not_told_again_and_its_end_is() -> None:
    book = Ledger()
    book.restore([Fact("failed", "a", "a is away", NOW)])
    assert not book.look([], NOW, 0.0, complete=False) and not book.look([A], NOW, 9.0)
    assert not book.look([], NOW, 10.0)
    assert keys(book.look([], NOW, 10.0 + HOLD)) == ([], ["a"], [])


def test_the_next_process_is_heard_no_more_often_and_loses_no_event(tmp_path: Path) -> None:
    files, book = Names(tmp_path / "x.duckdb"), Ledger()
    watched((0, [A]), (HOLD, [A]), (4, []), (4 + HOLD, []), book=book)
    for second in range(8, 6 + BURST):
        book.happened("schema", f"table {second}", "was altered", NOW)
        book.look([], NOW, float(second))
    book.happened("schema", "the last", "was altered", NOW)
    remembered.write(files, [], book.past(9.0 + BURST), NOW, 9.0 + BURST)
    # On another machine's clock that nobody sets, a second later; and on a wall clock that was set back.
    for later in (timedelta(seconds=1), timedelta(hours=-1)):
        standing, past = remembered.read(files, NOW + later, 1000.0)
        after = Ledger()
        after.restore(standing.values(), past)
        told = [(at, keys(after.look([A], NOW, 1000.0 + at))) for at in range(0, 400, 10)]
        spoken = [(at, began, events) for at, (began, _, events) in told if began or events]
        assert [events for _, _, events in spoken if events] == [["the last"]]
        [(at, _, _)] = [one for one in spoken if one[1]]
        assert spoken[0][0] > 0 and at > QUIET - 60
    assert len(book.past(0.0).events) == 1


def test_what_a_url_has_not_taken_waits_for_the_next_process(tmp_path: Path) -> None:
    files, fact = Names(tmp_path / "x.duckdb"), Fact("failed", "a", "a is away", NOW)
    left = {"[alerts] urls[1] (https)": [Notice(firing=(fact,)), Notice(resolved=(fact,), events=(fact,))], "none": []}
    remembered.write(files, [fact], Ledger().past(0.0), NOW, 0.0, left)
    assert remembered.waiting(files) == left
    assert remembered.waiting(Names(tmp_path / "y.duckdb")) == {}


def test_what_a_stranger_left_for_the_next_process_is_nothing(tmp_path: Path) -> None:
    files = Names(tmp_path / "x.duckdb")
    for content in (
        "",
        "[]",
        '{"at": "x"}',
        '{"tokens": 1e999}',
        '{"events": [{}]}',
        '{"last_word": {"a": 1}}',
        '{"waiting": {"a": [{}]}}',
    ):
        files.beside("alerts").write_text(content)
        assert remembered.read(files, NOW, 5.0) == ({}, None)


def test_messages_come_in_a_burst_and_then_one_a_minute_and_nothing_is_lost() -> None:
    book, told = Ledger(), []
    for second in range(400):
        if second < 60:
            book.happened("schema", f"table {second}", "was altered", NOW)
        notice = book.look([], NOW, float(second))
        told += [(second, len(notice.events))] if notice else []
    assert [second for second, _ in told[:BURST]] == [*range(BURST)]
    assert sum(count for _, count in told) == 60 and len(told) <= BURST + 400 // EVERY


@given(st.lists(st.lists(st.sampled_from("abc"), unique=True), max_size=60))
def test_whatever_happens_an_end_is_told_of_what_was_told_and_of_nothing_else(seconds: list[list[str]]) -> None:
    book, standing = Ledger(), set[str]()
    for at, names in enumerate([*seconds, *([[]] * 1000)]):
        notice = book.look([Condition("failed", name, name) for name in names], NOW, float(at))
        began, over, _ = keys(notice)
        assert not standing & {*began} and {*over} <= standing
        standing = (standing | {*began}) - {*over}
    assert not standing


SECRETS = (
    "https://hooks.example.com/services/T0001234/B0005678/abcDEFghiJKL",
    "https://user:hunter2-very-long@example.com/alerts?token=abcdef123456",
    "slack://T0123456789/B0123456789/abcdefghijklmnopqrstuvwx/#general",
    "mailto://me:my-app-password@gmail.com?to=ops@example.com",
)


@pytest.mark.parametrize("url", SECRETS)
def test_nothing_that_opens_a_service_is_shown(url: str) -> None:
    settings = config.Settings(alerts={"urls": [url]})
    shown = redaction.of(settings).text(f"sent to {url}, {url.split('://')[1]}")
    for piece in ("B0005678", "abcDEFghiJKL", "hunter2", "abcdef123456", "B0123456789", "uvwx", "my-app-password"):
        assert piece not in shown
    assert url not in repr(settings) and delivery.named(0, url) == f"[alerts] urls[0] ({url.split(':', maxsplit=1)[0]})"


@pytest.mark.parametrize("url", ["", "example.com", "https://", "HTTPS//x", "https://x y", 5])
def test_what_is_no_url_is_refused_and_not_shown(url: Any) -> None:
    with pytest.raises(ValueError, match=r"no URL|valid") as error:
        config.Alerts(urls=[url])
    assert "write it like" in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret/x@example.com/", "https://example.com:s3cret/", "https://[s3cret/", "https:///s3cret",
        "http://example.com:99999/s3cret", "https://user:s3cret#@example.com:80", "slack://[s3cret/x",
    ],
)  # fmt: skip
def test_a_url_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="%-escapes"):
        config.Alerts(urls=[url])


def test_a_url_that_can_t_be_taken_apart_is_hidden_as_a_whole() -> None:
    assert "s3cret" not in redaction.Redaction(["https://[s3cret/x"]).text("can't read https://[s3cret/x")


def test_a_service_that_nobody_knows_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match=r"urls\[3\] \(nosuch\) is no URL of a service"):
        delivery.to(3, "nosuch://abcdefgh12345678/")


def test_a_message_says_what_began_what_is_over_and_since_when() -> None:
    fact = Fact("failed", "a", "a is away", NOW)
    found = delivery.content(Notice((fact,), (fact,)), "x.duckdb")
    assert found["status"] == "firing" and found["firing"] == [fact.as_dict()] == found["resolved"]
    assert found["text"].splitlines() == [
        "FAILING a is away (since 2026-01-01 00:00:00 UTC)", "RECOVERED a is away (since 2026-01-01 00:00:00 UTC)",
    ]  # fmt: skip
    assert found["title"].endswith("x.duckdb: 1 failing, 1 recovered") and ledger.HOLD < 10
