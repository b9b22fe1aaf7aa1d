"""kill -9 of whatever hands events on, at random, while money moves: relay, broker, and the runs that read."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from jobs import faults
from jobs.broker import relay
from jobs.broker.nats import NatsBroker
from jobs.broker.server import EmbeddedBroker
from jobs.source.connection import Source
from tests.support import events, runs
from tests.support.bank import Bank

ROUNDS = int(os.environ.get("NEAPTIDE_KILLS", "12"))
# Where a run comes by that finds something new.
POINTS = ("probed", "work_opened", "snapshot_joined", "table_done", "before_commit", "after_commit", "before_swap")


def relaying(bank: Bank, fault: str = "") -> None:
    """Hand on what there is, in a process of its own, which dies at the point `fault`."""
    faults._WANTED = fault
    relay.drain(Source.of_owner(bank.job), NatsBroker(bank.broker_url))


def relayed(bank: Bank, fault: str = "") -> int | None:
    process = runs.SPAWN.Process(target=relaying, args=(bank, fault))
    process.start()
    process.join(60)
    return process.exitcode


@pytest.fixture
def bank(empty_db: str, tmp_path: Path, nats: EmbeddedBroker) -> Bank:
    """A bank whose writers tell of what they write, synced twice, so that both files exist."""
    folder = tmp_path / "bank"
    folder.mkdir()
    found = Bank.opened(empty_db, folder)
    found.sync_options, found.broker_url = {"feed": "events"}, nats.url()
    found.track()
    found.run(*events.of_all(found.job))
    return found.on_both()


def kill_broker(nats: EmbeddedBroker) -> None:
    pid = nats.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    nats.start()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_whatever_is_killed(bank: Bank, nats: EmbeddedBroker) -> None:
    draw = random.Random(7)
    before = bank.check()
    with bank.moving(pause=0.02):
        for _ in range(ROUNDS):
            what = draw.choice(("relay", "broker", "run"))
            if what == "relay":
                # 1: on a machine that is busy a broker may not answer in time. The next one hands it on.
                assert relayed(bank, draw.choice(faults.OF_RELAY)) in (-signal.SIGKILL, 0, 1)
            elif what == "broker":
                relayed(bank)
                kill_broker(nats)
            else:
                runs.ended(bank.job, fault=draw.choice(POINTS))
            assert bank.check() >= before
            bank.sync()
            before = bank.check()
    for _ in range(2):
        assert any(relayed(bank) == 0 for _ in range(5))
        bank.sync()
        bank.assert_equal()
    # Nobody had to copy a table anew for it.
    with bank.connect() as conn:
        assert conn.execute("SELECT count(*) FROM neaptide.outbox").fetchone() == (0,)
