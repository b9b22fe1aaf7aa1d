"""Several sources whose applications tell of what they write, each in an outbox of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.feeds.events import place
from jobs.status import feeding
from jobs.status.report import read_status
from jobs.targets import targets
from jobs.verify import verify
from tests.support import cluster, events, several
from tests.support.several import Sources

pytestmark = pytest.mark.each_target


@pytest.fixture
def lab(postgres: cluster.Cluster, tmp_path: Path) -> Iterator[Sources]:
    """Two databases of one server, each with a trigger that tells of what is written to its table."""
    specs = [{**spec, "feed": "events"} for spec in several.SPECS]
    with several.two(postgres, tmp_path, specs=specs) as found:
        for name in found.urls:
            found.run(name, *events.telling("public.item", "id"))
        yield found


def followed(lab: Sources) -> dict[str, bool]:
    """Of each table whether the target has it from events."""
    saved = [targets.of(part).peek().tables for part in lab.job.parts]
    return {name: place.is_of(table.watermark) for tables in saved for name, table in tables.items()}


def test_each_source_s_events_are_read_from_its_own_outbox(lab: Sources) -> None:
    lab.sync()
    assert followed(lab) == {"crm.item": True, "web.item": True}
    lab.run("crm", "UPDATE item SET cents = 5 WHERE id = 1", "DELETE FROM item WHERE id = 2")
    assert several.done(lab) == {"crm.item": ("delta", 1), "web.item": ("none", 0)}
    lab.run("web", "UPDATE item SET cents = 6 WHERE id < 4", "INSERT INTO item VALUES (20, 'new')")
    lab.run("crm", "UPDATE item SET id = 30 WHERE id = 3")
    assert {action for action, _ in several.done(lab).values()} == {"delta"}
    lab.assert_equal()
    assert not lab.sync().changed
    found = feeding.read(lab.job)
    assert [(one.table, one.feed, one.source, one.problem) for one in found.tables] == [
        ("crm.item", "events", "crm", ""), ("web.item", "events", "web", ""),
    ]  # fmt: skip
    status = read_status(lab.job)
    assert not status.problems
    assert {"events of source crm", "events of source web"} <= {one.what for one in status.kept}
    assert verify.verify(lab.job).equal


def test_an_outbox_that_was_made_anew_concerns_its_source_alone(lab: Sources) -> None:
    lab.sync()
    lab.run("web", "DROP TABLE neaptide.outbox")
    lab.run("crm", "UPDATE item SET cents = 7 WHERE id = 7")
    run = lab.sync()
    assert {one.table: bool(one.error) for one in run.tables} == {"crm.item": False, "web.item": True}
    assert "neaptide track" in (run.failed[0].error or "")
    lab.track()
    lab.run("web", "UPDATE item SET cents = 8 WHERE id = 8")
    assert several.done(lab) == {"crm.item": ("none", 0), "web.item": ("full", 10)}
    lab.assert_equal()


@pytest.mark.long
def test_an_event_of_either_source_wakes_the_daemon(lab: Sources) -> None:
    several.wakes(lab)
