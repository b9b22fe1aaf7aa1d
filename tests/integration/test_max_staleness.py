"""How fresh an answer is asked to be, and what it takes to keep that."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from app import bootstrap, errors
from jobs.position import clock
from jobs.results import Run
from jobs.run import sync
from jobs.targets.file import freshness, lock
from jobs.verify import verify
from tests.support import daemons, pairs
from tests.support.syncing import Lab

ZERO = timedelta(0)
ITEMS = """
CREATE TABLE public.item (
    id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of one row."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found.run(ITEMS, "INSERT INTO item VALUES (1, 'one')")
    found.track()
    return found


@pytest.mark.long
def test_zero_sees_every_commit_that_ended_before_while_a_daemon_and_others_write(lab: Lab) -> None:
    config = daemons.write_config(lab, every="1s")
    with daemons.running(config) as daemon:
        daemon.saw("run_done", changed=True)
        done = threading.Event()
        noise = threading.Thread(target=write_until, args=(lab, done))
        noise.start()
        try:
            assert pairs.run(config, processes=3, pairs=8) == []
        finally:
            done.set()
            noise.join()


@pytest.mark.soak
def test_thousands_of_pairs(lab: Lab) -> None:
    config = daemons.write_config(lab, every="1s")
    with daemons.running(config) as daemon:
        daemon.saw("run_done", changed=True)
        assert pairs.run(config, processes=4, pairs=1000) == []


def write_until(lab: Lab, done: threading.Event) -> None:
    with lab.connect() as conn:
        key = 10
        while not done.wait(0.1):
            key += 1
            conn.execute("INSERT INTO item VALUES (%s, 'noise')", [key])


def test_one_run_serves_all_who_wait_for_one(lab: Lab) -> None:
    lab.sync()
    asked: list[object] = []
    ended: list[Run] = []

    def ask() -> None:
        since = clock.instant()
        asked.append(since)
        ended.append(sync.sync_once(lab.job, since=since))

    with lock.locked(lab.job.files):
        waiting = [threading.Thread(target=ask) for _ in range(6)]
        for thread in waiting:
            thread.start()
        lab.run("INSERT INTO item VALUES (2, 'two')")
        daemons.wait_until(lambda: len(asked) == 6)
    for thread in waiting:
        thread.join()
    assert sorted(run.kind for run in ended) == ["served"] * 5 + ["sync"]
    assert len({run.as_of for run in ended}) == 1
    lab.assert_equal()


def test_a_run_that_began_before_the_question_does_not_answer_it(lab: Lab) -> None:
    lab.sync()
    since = clock.instant()
    lab.run("INSERT INTO item VALUES (2, 'two')")
    assert sync.sync_once(lab.job, since=since).kind == "sync"
    assert sync.sync_once(lab.job, since=since).kind == "served"
    assert sync.sync_once(lab.job, since=clock.instant()).kind == "sync"


def test_neither_a_run_of_some_tables_nor_a_repair_answers_for_all(lab: Lab) -> None:
    lab.run(ITEMS.replace("item", "other"))
    lab.specs.append({"name": "public.other"})
    lab.track()
    lab.sync()
    since = clock.instant()
    lab.sync(tables=["public.item"])
    assert sync.sync_once(lab.job, since=since).kind == "sync"
    since = clock.instant()
    verify.verify(lab.job, repair=True)
    assert sync.sync_once(lab.job, since=since).kind == "sync"


def test_another_machine_s_run_can_not_be_compared(lab: Lab) -> None:
    since = clock.instant()
    lab.sync()
    assert clock.not_before(freshness.read(lab.job.files)["began"], since)
    assert not clock.not_before(freshness.read(lab.job.files)["began"], {**since, "boot": "another"})
    assert not clock.not_before(None, since)


def test_what_can_not_be_met_in_time_fails_with_1_in_words(lab: Lab) -> None:
    lab.sync()
    settings = bootstrap.load_settings(daemons.write_config(lab))
    with (
        lock.locked(lab.job.files),
        pytest.raises(errors.TooStale, match=r"within 0\.3 s") as caught,
        bootstrap.reporting_file(settings, max_staleness=ZERO, timeout=timedelta(seconds=0.3)),
    ):
        pass
    assert caught.value.exit_code == 1
    with bootstrap.reporting_file(settings, max_staleness=timedelta(hours=1), timeout=timedelta(seconds=1)) as store:
        assert store.query("SELECT count(*) FROM public.item").rows == [(1,)]
