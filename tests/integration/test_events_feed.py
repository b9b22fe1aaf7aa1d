"""Tables whose changes events tell of: what is told, what is not, and what can't be read."""

from __future__ import annotations

import json
import re
from dataclasses import astuple, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app import errors
from jobs.feeds.events import touched as telling_of
from jobs.results import Run
from jobs.run import housekeeping
from jobs.status import report
from jobs.tracking import install, purge, visit
from tests.support.events import telling
from tests.support.items import begun
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of a hundred rows whose writers tell of them, tracked and synced, so that both files exist."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}], sync_options={"feed": "events"})
    return begun(found, *telling("public.item", "id"))


def silently(lab: Lab, *statements: str) -> None:
    """Statements past the handlers: no event tells of them."""
    with lab.connect() as conn:
        conn.execute("ALTER TABLE item DISABLE TRIGGER tell_insert")
        for statement in statements:
            conn.execute(statement.encode())
        conn.execute("ALTER TABLE item ENABLE ALWAYS TRIGGER tell_insert")


def tell(lab: Lab, keys: Any, **given: Any) -> None:
    """An event with these keys."""
    row = {"name": "ItemChanged", "aggregate": "item", "key": "1", "version": 1, "keys": json.dumps(keys), **given}
    with lab.connect() as conn:
        query = f"INSERT INTO neaptide.outbox ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})"
        conn.execute(query.encode(), list(row.values()))


def swept(lab: Lab) -> Lab:
    """The same, with a sweep due at each run."""
    return replace(lab, events={"sweep": timedelta(0)})


def told(run: Run) -> dict[str, tuple[str, int, str]]:
    return {
        one.table.removeprefix("public."): (one.action, one.rows_read, one.error or one.reason) for one in run.tables
    }


def synced(lab: Lab) -> tuple[str, int, str]:
    """One run, after which both sides are equal: the action, the rows read and the reason."""
    run = lab.sync()
    lab.assert_equal()
    return told(run)["item"]


def test_only_what_was_told_is_read_and_a_late_commit_comes_with_the_next_run(lab: Lab) -> None:
    assert synced(lab) == ("none", 0, "")
    with lab.connect(autocommit=False) as late:
        late.execute("UPDATE item SET name = 'late' WHERE id = 2")
        lab.run("UPDATE item SET name = 'now' WHERE id = 3", "DELETE FROM item WHERE id = 4")
        # The other file lacked one more.
        assert synced(lab)[:2] == ("delta", 2)
        lab.run("UPDATE item SET name = 'later' WHERE id = 5")
        assert synced(lab)[0] == "delta"
        late.commit()
    assert synced(lab)[0] == "delta"
    assert synced(lab) == ("none", 0, "")


def test_a_write_past_the_handlers_is_found_by_the_next_sweep(lab: Lab) -> None:
    silently(lab, "UPDATE item SET name = 'silent' WHERE id = 7", "DELETE FROM item WHERE id = 8")
    assert told(lab.sync())["item"][0] == "none"
    lab.run("UPDATE item SET name = 'told' WHERE id = 9")
    assert told(lab.sync())["item"][0] == "delta"
    for _ in range(2):
        lab.run("UPDATE item SET name = name || '!' WHERE id = 9")
        assert synced(swept(lab))[0] == "delta"
    assert synced(lab) == ("none", 0, "")


def test_a_sweep_that_finds_nothing_is_not_done_again_at_once(lab: Lab) -> None:
    assert synced(swept(lab)) == ("none", 0, "")
    silently(lab, "UPDATE item SET name = 'silent' WHERE id = 7")
    # The sweep is an hour away again, and then it begins where the last one ended.
    assert told(lab.sync())["item"][0] == "none"
    lab.run("UPDATE item SET name = 'told' WHERE id = 9")
    lab.sync()
    assert synced(swept(lab))[0] == "delta"


@pytest.mark.parametrize("deletes", ["tombstone", "compare"])
def test_a_sweep_finds_deletes_as_the_entry_says(lab: Lab, deletes: str) -> None:
    lab.specs[0] |= {"deletes": deletes, "max_delete_share": 1.0}
    lab.track()
    assert synced(lab)[0] == ("full" if deletes == "compare" else "none")
    silently(lab, "DELETE FROM item WHERE id < 60", "INSERT INTO item VALUES (3, 'again')")
    assert synced(swept(lab))[0] == "delta"


def test_a_table_without_stamps_is_swept_as_a_whole(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.item", "feed": "events", "watermark": "none"}])
    lab.run("CREATE TABLE item (id bigint PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'a'), (2, 'b')")
    lab.track()
    lab.run(*telling("public.item", "id"))
    with lab.connect() as conn:
        assert conn.execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'neaptide%%'").fetchone() == (0,)
    assert synced(lab)[0] == "full"
    lab.run("UPDATE item SET name = 'c' WHERE id = 1")
    assert synced(lab)[:2] == ("delta", 1)
    silently(lab, "DELETE FROM item WHERE id = 2", "INSERT INTO item VALUES (3, 'd')")
    assert told(lab.sync())["item"][0] == "none"
    assert synced(swept(lab))[0] == "delta"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "keys",
    [
        {"public.item": None},
        {"public.item": "2"},
        {"public.item": ["2"]},
        {"public.item": [["two"]]},
        {"public.item": [["2", "3"]]},
        {"public.item": [[None]]},
        {"public.item": [["99999999999999999999"]]},
    ],
    ids=json.dumps,
)
def test_what_is_told_in_a_way_that_cannot_be_read_is_swept(lab: Lab, keys: Any) -> None:
    silently(lab, "UPDATE item SET name = 'told badly' WHERE id = 2", "DELETE FROM item WHERE id = 3")
    tell(lab, keys)
    run = lab.sync()
    lab.assert_equal()
    assert any("an event tells of public.item in a way that can't be read" in warning for warning in run.warnings)
    lab.run("UPDATE item SET name = 'well' WHERE id = 2")
    assert synced(lab)[0] == "delta"
    assert synced(lab) == ("none", 0, "")


def test_an_event_of_another_format_has_every_table_swept(lab: Lab) -> None:
    silently(lab, "UPDATE item SET name = 'from tomorrow' WHERE id = 2")
    tell(lab, {"public.item": []}, format=2)
    run = lab.sync()
    lab.assert_equal()
    assert told(run)["item"][0] == "delta"
    assert run.warnings


def test_events_of_unknown_types_and_other_tables_change_nothing(lab: Lab) -> None:
    tell(lab, {"public.other": [["1"]], "nonsense": None}, name="NobodyKnows", version=10**15)
    assert synced(lab) == ("none", 0, "")


def test_more_than_is_read_by_key_is_swept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling_of, "MANY", 3)
    lab.run("UPDATE item SET name = 'many' WHERE id < 5")
    run = lab.sync()
    lab.assert_equal()
    assert run.warnings == (
        "events tell of more rows than are read by key, so public.item is swept by watermark instead",
    )


def test_events_that_were_purged_are_a_copy_and_never_a_gap(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'purged' WHERE id = 2")
    brief = replace(lab, sync_options={**lab.sync_options, "tombstone_retention": timedelta(0)})
    assert purge.purge(brief.job).gone > 0
    assert synced(lab) == ("full", 100, "events since the last run were purged")
    lab.run("UPDATE item SET name = 'after' WHERE id = 2")
    # The spare file lies too far behind: it begins as a copy of the published one.
    assert synced(lab)[:2] == ("delta", 1)


def test_an_outbox_that_was_made_anew_is_a_copy(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'lost' WHERE id = 2", "DROP TABLE neaptide.outbox")
    with pytest.raises(errors.NotTracked, match=r"there is no neaptide\.outbox") as caught:
        # The only table, so the run has nothing to do.
        lab.sync(tables=["public.item"])
    assert caught.value.hint == "run `neaptide track`"
    lab.track()
    assert synced(lab) == ("full", 100, "its events come from another queue now, or one made anew")


def test_a_table_that_changes_its_feed_is_copied(lab: Lab) -> None:
    silently(lab, "UPDATE item SET name = 'silent' WHERE id = 7")
    lab.sync()
    by_watermark = replace(lab, sync_options={})
    assert synced(by_watermark) == ("full", 100, "its entry in the config changed")
    assert synced(lab)[0] == "full"


def test_track_lets_those_write_events_who_write_rows(lab: Lab) -> None:
    with lab.connect() as conn:
        conn.execute("DROP ROLE IF EXISTS events_writer")
        conn.execute("CREATE ROLE events_writer LOGIN")
        try:
            conn.execute("GRANT INSERT, SELECT ON item TO events_writer")
            printed = visit.script(lab.job, [])
            assert 'GRANT INSERT ON neaptide.outbox TO "events_writer";' in printed
            lab.track()
            assert "neaptide.outbox" not in visit.script(lab.job, [])
            conn.execute("SET ROLE events_writer")
            conn.execute("INSERT INTO item VALUES (500, 'theirs')")
            conn.execute("RESET ROLE")
        finally:
            conn.execute("DROP OWNED BY events_writer")
            conn.execute("DROP ROLE events_writer")
    assert synced(lab)[0] == "delta"
    install.untrack(lab.job, [])
    with lab.connect() as conn:
        assert conn.execute("SELECT to_regclass('neaptide.outbox')").fetchone() == (None,)


def test_a_writer_who_found_no_outbox_has_ended_before_there_is_one(empty_db: str, tmp_path: Path) -> None:
    # No trigger has to wait for the writer here.
    lab = Lab(empty_db, tmp_path, [{"name": "public.item", "feed": "events", "watermark": "none"}])
    lab.run("CREATE TABLE item (id bigint PRIMARY KEY, name text)")
    with lab.connect(autocommit=False) as early:
        early.execute("INSERT INTO item VALUES (1, 'early')")
        with pytest.raises(errors.SourceTimeout):
            lab.track()
        early.commit()
    lab.track()
    assert synced(lab)[0] == "full"


@pytest.mark.long
def test_an_outbox_of_a_million_rows(lab: Lab) -> None:
    with lab.connect() as conn:
        conn.execute(
            "INSERT INTO neaptide.outbox (name, aggregate, key, version, keys)"
            " SELECT 'ItemChanged', 'item', (g % 100)::text, g, jsonb_build_object('public.item',"
            " jsonb_build_array(jsonb_build_array((g % 100)::text))) FROM generate_series(1, 1000000) AS g"
        )
    lab.run("UPDATE item SET name = 'one of many' WHERE id = 2")
    assert synced(lab)[0] == "delta"
    assert synced(lab)[0] in ("delta", "none")
    assert synced(lab) == ("none", 0, "")


def test_the_role_that_reads_may_have_to_be_let(lab: Lab) -> None:
    with lab.connect() as conn:
        conn.execute("DROP ROLE IF EXISTS events_reader")
        conn.execute("CREATE ROLE events_reader LOGIN PASSWORD 'secret'")
        try:
            conn.execute("GRANT USAGE ON SCHEMA neaptide TO events_reader")
            for name in ("item", "neaptide.tombstone", "neaptide.purge"):
                conn.execute(f"GRANT SELECT ON {name} TO events_reader".encode())
            url = re.sub("//[^@]*@", "//events_reader:secret@", lab.url)
            with pytest.raises(errors.AccessDenied, match=r"may not read neaptide\.outbox"):
                replace(lab, url=url).sync(tables=["public.item"])
        finally:
            conn.execute("DROP OWNED BY events_reader")
            conn.execute("DROP ROLE events_reader")


def test_status_says_how_many_events_are_kept(lab: Lab) -> None:
    lab.run("ANALYZE neaptide.outbox")
    housekeeping.purge_sometimes(lab.job, every=timedelta(0))
    [kept] = [astuple(one) for one in report.read_status(lab.job).kept if "events" in astuple(one)]
    assert kept[1] == 2
