"""The log of each of several sources: a slot, a publication and a position of its own, and what is said of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from jobs.daemon import metrics, monitor
from jobs.feeds.wal import feed as following
from jobs.position.snapshot import position
from jobs.sessions import OpenSessions
from jobs.status import feeding
from jobs.status.board import Board
from jobs.status.report import read_status
from jobs.tracking import each
from jobs.verify import verify
from tests.support import cluster, several
from tests.support.several import Sources

pytestmark = pytest.mark.each_target

NOBODY = "postgresql://nobody@127.0.0.1:1/none"
SLOTS = "SELECT slot_name::text, confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()"


@pytest.fixture
def lab(postgres: cluster.Cluster, tmp_path: Path) -> Iterator[Sources]:
    """Two databases of one server, whose tables are both followed from its log."""
    specs = [{**spec, "feed": "wal"} for spec in several.SPECS]
    with several.two(postgres, tmp_path, specs=specs) as found:
        try:
            yield found
        finally:
            for name in found.urls:
                drop_slots(found, name)


def drop_slots(lab: Sources, source: str) -> None:
    if lab.keep is not None:
        lab.keep.close()
    lab.run(
        source,
        "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots"
        " WHERE database = current_database() AND active",
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
    )


def slots(lab: Sources, source: str) -> list[str]:
    """The slots in a source's database."""
    with psycopg.connect(lab.urls[source]) as conn:
        return [str(name) for name, _ in conn.execute(SLOTS.encode())]


def confirmed(lab: Sources, source: str) -> int:
    """Up to where a source's server was told that its log is needed no more."""
    with psycopg.connect(lab.urls[source]) as conn:
        [(_, found)] = conn.execute(SLOTS.encode()).fetchall()
    return position(found)


def left(lab: Sources, source: str) -> Sources:
    """The same where one source can't be reached."""
    return Sources(lab.urls | {source: NOBODY}, lab.folder, lab.specs, keep=lab.keep)


def held(lab: Sources) -> dict[str, float]:
    """Of each source what /metrics say that its server holds."""
    lines = metrics.exposition(lab.job, Board())().splitlines()
    found = [line for line in lines if line.startswith("neaptide_log_held_bytes{")]
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in found}


def test_each_source_has_a_slot_and_is_followed_from_there(lab: Sources) -> None:
    assert {action for action, _ in several.done(lab).values()} == {"full"}
    names, before = ({name: of(lab, name) for name in lab.urls} for of in (slots, confirmed))
    assert names["crm"] != names["web"]
    assert {len(one) for one in names.values()} == {1}
    lab.run("crm", "UPDATE item SET cents = 5 WHERE id = 1", "DELETE FROM item WHERE id = 2")
    assert several.done(lab) == {"crm.item": ("delta", 1), "web.item": ("none", 0)}
    lab.run("web", "UPDATE item SET cents = 6 WHERE id < 4")
    assert several.done(lab) == {"crm.item": ("none", 0), "web.item": ("delta", 3)}
    lab.run("crm", "INSERT INTO item VALUES (11, 'a')")
    lab.run("web", "INSERT INTO item VALUES (12, 'b')")
    assert {action for action, _ in several.done(lab).values()} == {"delta"}
    lab.assert_equal()
    assert not lab.sync().changed
    # By a process that ends with its run, too, and though what it says is said once all sources are through.
    assert all(confirmed(lab, name) > before[name] for name in lab.urls)
    status = read_status(lab.job)
    assert {one.source: one.log["slot"] for one in status.sources if one.log} == {k: v[0] for k, v in names.items()}
    assert set(held(lab)) == {"crm", "web"}
    ready = monitor.readiness(lab.job)
    assert set(ready["sources"]) == {"crm", "web"} and ready["problems"] == []
    found = feeding.read(lab.job)
    assert [(one.table, one.feed, one.source, one.problem) for one in found.tables] == [
        ("crm.item", "wal", "crm", ""), ("web.item", "wal", "web", ""),
    ]  # fmt: skip
    # Neither takes the other's for one of another target.
    assert [(one.source, one.ours) for one in found.slots] == [("crm", True), ("web", True)]
    assert not found.is_bad
    assert verify.verify(lab.job).equal


def test_a_lost_slot_leaves_the_other_source_going(lab: Sources) -> None:
    lab.sync()
    lab.run("crm", "UPDATE item SET cents = 5")
    lab.run("web", "UPDATE item SET cents = 6")
    lab.run("web", f"SELECT pg_drop_replication_slot('{slots(lab, 'web')[0]}')")
    before = lab.of_file("web")
    run = lab.sync()
    assert [one.table for one in run.failed] == ["web.item"]
    assert "source web: the replication slot" in (run.failed[0].error or "")
    lab.assert_equal("crm")
    assert lab.of_file("web") == before
    ready = monitor.readiness(lab.job)
    assert ready["log_lost"] and ready["sources"]["web"]["log_lost"] and not ready["sources"]["crm"]["log_lost"]
    [told] = [one for one in ready["problems"] if one.endswith("run `neaptide track`")]
    assert told.startswith("source web: the slot")
    cli = lab.cli()
    asked = cli("feed", "status")
    assert asked.code == 1 and "source web: the slot" in asked.err
    cli("feed", "resync", "web.item").ok()
    lab.assert_equal()
    assert monitor.readiness(lab.job)["problems"] == []
    lab.run("web", "DELETE FROM item WHERE id = 1")
    assert several.done(lab)["web.item"] == ("delta", 0)
    lab.assert_equal()


@pytest.mark.long
def test_what_one_source_confirms_is_no_matter_of_the_other(lab: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept sessions, a log that is let go of while nothing changes, and now and then a source that is away."""
    monkeypatch.setattr(following, "IDLE", 0)
    lab.keep, draw = OpenSessions(), random.Random(3)
    lab.sync()
    for turn in range(12):
        for source in draw.sample(["crm", "web"], draw.randrange(3)):
            key = draw.randrange(1, 11)
            lab.run(source, f"UPDATE item SET cents = cents + {turn} WHERE id % 3 = {key % 3}")
            lab.run(source, f"DELETE FROM item WHERE id = {key}", f"INSERT INTO item VALUES ({key + 20 * turn}, 'x')")
        run = (left(lab, "web") if turn % 4 == 2 else lab).sync()
        assert not {one.action for one in run.tables if one.error is None} & ({"full"} if turn else set()), run.tables
        lab.assert_equal(*(["crm"] if turn % 4 == 2 else []))
    assert verify.verify(lab.job).equal


@pytest.mark.long
def test_the_log_of_each_wakes_the_daemon(lab: Sources) -> None:
    several.wakes(lab)


@pytest.mark.long
def test_untrack_drops_the_slot_of_one_source_and_a_source_that_left_is_told_of(lab: Sources) -> None:
    lab.sync()
    each.untrack(lab.job, ["web.item"])
    assert (len(slots(lab, "crm")), slots(lab, "web")) == (1, [])
    each.track(lab.job, ["web.item"])
    assert not lab.sync().failed
    [slot] = slots(lab, "web")
    lab.specs = lab.specs[:1]
    lab.sync()
    [problem] = read_status(lab.job).problems
    assert problem.startswith("no table of the config is of source web any more, and its server holds its log")
    assert slot in problem and lab.urls["web"] not in problem
    assert monitor.readiness(lab.job)["problems"] == [problem]
    assert feeding.read(lab.job).problems == (problem,)
    lab.job.files.forget("slot.web")
    assert not read_status(lab.job).problems


@pytest.mark.long
def test_one_database_under_two_names_has_two_slots(lab: Sources) -> None:
    drop_slots(lab, "web")
    lab.urls["web"] = lab.urls["crm"]
    lab.track()
    lab.sync()
    assert len(slots(lab, "crm")) == 2
    lab.run("crm", "UPDATE item SET cents = 9 WHERE id = 3")
    assert several.done(lab) == {"crm.item": ("delta", 1), "web.item": ("delta", 1)}
    assert not feeding.read(lab.job).is_bad
    lab.assert_equal()
