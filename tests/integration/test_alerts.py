"""Alerts of a daemon, as a webhook and a service get them."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app import config
from jobs.daemon.alerting import Alerting
from jobs.status.board import Board
from tests.support.cli import Cli, Done
from tests.support.daemons import running, wait_until, write_config
from tests.support.syncing import Lab

ITEMS = "CREATE TABLE item (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
TOKEN = "t0ken-of-the-hook"


class Hook:
    """A webhook that keeps what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[float, Any]] = []
        self.answer, hook = 200, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.answer == 200:
                    hook.got.append((time.monotonic(), body))
                self.send_response(hook.answer)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{TOKEN}"

    def facts(self, part: str, kind: str) -> list[dict[str, Any]]:
        return [fact for _, body in list(self.got) for fact in body[part] if fact["kind"] == kind]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of 20 rows, whose deletes are found by comparing keys."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found.run(ITEMS, "INSERT INTO item SELECT generate_series(1, 20)")
    found.track()
    return found


def alerting(lab: Lab, *urls: str, deletes: str = "tombstone") -> Path:
    path = write_config(lab, every="1s", more=f"[alerts]\nurls = {json.dumps(urls)}")
    path.write_text(path.read_text() + f'deletes = "{deletes}"\n')
    return path


@pytest.mark.long
def test_a_failure_its_end_and_a_changed_schema_are_told_once_and_soon(lab: Lab, hook: Hook) -> None:
    away = "http://127.0.0.1:1/another-secret-token"
    with running(alerting(lab, away, hook.url)) as daemon:
        daemon.saw("run_done", changed=True)
        lab.run("ALTER TABLE item ADD COLUMN note text")
        wait_until(lambda: hook.facts("events", "schema"))
        assert "column note added" in hook.facts("events", "schema")[0]["message"]
        began = time.monotonic()
        lab.run("ALTER TABLE item DISABLE TRIGGER USER")
        wait_until(lambda: hook.facts("firing", "failed"))
        assert hook.got[-1][0] - began < 10
        [told] = hook.facts("firing", "failed")
        assert told["key"] == "failed" or told["key"].startswith("table:")
        assert "item" in told["message"]
        lab.track()
        wait_until(lambda: hook.facts("resolved", "failed"))
        assert len(hook.facts("firing", "failed")) == len(hook.facts("resolved", "failed")) == 1
        record = daemon.saw("alert_failed")
        assert "urls[0] (http) can't be reached" in record["event"] and len(daemon.records("alert_failed")) == 1
        assert TOKEN not in "".join(daemon.lines) and "another-secret" not in "".join(daemon.lines)
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0


@pytest.mark.long
def test_what_was_told_is_not_told_again_by_the_next_process_and_its_end_is(lab: Lab, hook: Hook) -> None:
    path, neaptide = alerting(lab, hook.url, deletes="compare"), Cli(lab.folder)

    def listed(*options: str) -> Done:
        return neaptide("alerts", "list", *options).ok()

    with running(path) as daemon:
        daemon.saw("run_done", changed=True)
        lab.run("DELETE FROM item WHERE id > 2")
        wait_until(lambda: hook.facts("firing", "guard"))
        assert "18 of 20 rows are gone" in hook.facts("firing", "guard")[0]["message"]
        # Not that of a failure, which may have been told before.
        assert hook.facts("firing", "guard")[0]["key"].startswith("guard:")
        # It is kept once the answer is there.
        wait_until(lambda: [one["kind"] for one in listed("--json").json] == ["guard"])
    with running(path) as daemon:
        daemon.saw("run_failed")
        lab.run("INSERT INTO item SELECT generate_series(3, 20)")
        # What is to be sent is kept first, so that it is over in the list a moment before the message is there.
        wait_until(lambda: hook.facts("resolved", "guard"))
        assert "nothing was told" in listed().err
    assert len(hook.facts("firing", "guard")) == len(hook.facts("resolved", "guard")) == 1


@pytest.mark.long
def test_log_that_the_server_holds_and_a_file_grown_old_are_told_once_and_resolved_once(lab: Lab, hook: Hook) -> None:
    """As runs note both beside the file."""
    alerting(lab, hook.url)
    lab.sync()
    settings = config.load(lab.folder / "config.toml")
    followed = settings.model_copy(
        update={
            "sync": settings.sync.model_copy(update={"feed": "wal"}),
            "freshness": settings.freshness.model_copy(update={"warn": timedelta(seconds=5)}),
        }
    )
    job = replace(lab.job, settings=followed)
    board = Board()
    alerts = Alerting(job, board)
    alerts.start()
    try:
        alerts.ran(lab.sync())
        for held in (2**31, 2**32):
            job.files.note("slot", {"slot": "neaptide_1", "held": held, "safe": None, "status": "reserved"})
            wait_until(lambda: hook.facts("firing", "problem"))
        assert "2,048 MB of its log for the slot neaptide_1" in hook.facts("firing", "problem")[0]["message"]
        wait_until(lambda: hook.facts("firing", "stale"))
        job.files.note("slot", {"slot": "neaptide_1", "held": 0, "safe": None, "status": "reserved"})
        for kind in ("problem", "stale"):
            # Each run makes it fresh for as long as it takes to be told.
            wait_until(lambda kind=kind: lab.sync() and hook.facts("resolved", kind))  # type: ignore[misc]
    finally:
        alerts.close()
    for kind, key in (("problem", "slot"), ("stale", "stale")):
        assert [one["key"] for one in hook.facts("firing", kind)] == [key]
        assert [one["key"] for one in hook.facts("resolved", kind)] == [key]


@pytest.mark.long
def test_each_kind_leaves_within_ten_seconds_of_its_cause_and_so_does_its_end(lab: Lab, hook: Hook) -> None:
    path = alerting(lab, hook.url, deletes="compare")
    path.write_text(path.read_text().replace("[alerts]", '[freshness]\nwarn = "8s"\n[alerts]'))
    # As a run of a config that reads the log left it: nobody does any more.
    slot = {"slot": "neaptide_1", "held": 2**31, "safe": None, "status": "reserved"}
    neaptide, files = Cli(lab.folder), lab.job.files
    causes: list[tuple[str, str, Callable[[], object]]] = [
        ("events", "schema", lambda: lab.run("ALTER TABLE item ADD COLUMN note text")),
        ("firing", "failed", lambda: lab.run("ALTER TABLE item DISABLE TRIGGER USER")),
        ("resolved", "failed", lab.track),
        ("firing", "guard", lambda: lab.run("DELETE FROM item WHERE id > 2")),
        ("resolved", "guard", lambda: lab.run("INSERT INTO item SELECT generate_series(3, 20)")),
        ("firing", "problem", lambda: files.note("slot", slot)),
        ("resolved", "problem", lambda: files.forget("slot")),
        ("firing", "stale", lambda: neaptide("pause", "public.item").ok()),
        ("resolved", "stale", lambda: neaptide("resume", "public.item").ok()),
    ]
    with running(path) as daemon:
        daemon.saw("run_done", changed=True)
        for part, kind, cause in causes:
            began, before = time.monotonic(), len(hook.got)
            cause()
            wait_until(lambda part=part, kind=kind: hook.facts(part, kind), what=lambda told=(part, kind): str(told))  # type: ignore[misc]
            [left, *_] = [at for at, body in hook.got[before:] if any(fact["kind"] == kind for fact in body[part])]
            # A file is old only once it is: eight seconds after it was paused.
            assert left - began < (18 if (part, kind) == ("firing", "stale") else 10), (part, kind)


def test_a_url_that_is_away_over_a_restart_misses_nothing_and_no_other_hears_it_again(lab: Lab, hook: Hook) -> None:
    other, job, board = Hook(), lab.job, Board()
    lab.sync()
    other.answer = 500
    settings = job.settings.model_copy(update={"alerts": config.Alerts(urls=[hook.url, other.url])})

    def began(*, failed: str) -> Alerting:
        found = Alerting(replace(job, settings=settings), board)
        found.failed(failed) if failed else found.ran(lab.sync())
        found.start()
        return found

    one = began(failed="the source is away")
    wait_until(lambda: hook.facts("firing", "failed"))
    one.close()
    two = began(failed="")
    wait_until(lambda: hook.facts("resolved", "failed"))
    two.close()
    other.answer = 200
    three = began(failed="")
    wait_until(lambda: other.facts("resolved", "failed"))
    three.close()
    for each in (hook, other):
        told = [(len(body["firing"]), len(body["resolved"])) for _, body in each.got]
        assert told == [(1, 0), (0, 1)], "first what is wrong, then that it is over, each once"
    other.server.shutdown()
    other.server.server_close()


def test_an_alert_is_tried_out_at_each_url(lab: Lab, hook: Hook) -> None:
    service = hook.url.replace("http://", "json://")
    alerting(lab, f"{hook.url}/é", service, "http://127.0.0.1:1/s3cret-path", "mailto://no", "slack://x")
    neaptide = Cli(lab.folder)
    done = neaptide("alerts", "test", "--json")
    errors = [one["error"] for one in done.json]
    assert done.code == 1 and errors[:2] == [None, None] and len(hook.got) == 2
    assert "refused" in errors[2] and all("no URL of a service" in told for told in errors[3:])
    assert hook.got[0][1]["events"][0]["kind"] == "test"
    assert "s3cret" not in neaptide("alerts", "test").out + neaptide("--verbose", "alerts", "test").err
    for hook.answer in (500, 302):
        assert f"answered {hook.answer}" in neaptide("alerts", "test").out


def test_alerts_that_are_none_are_refused_without_showing_them(lab: Lab) -> None:
    write_config(lab)
    neaptide = Cli(lab.folder)
    none = neaptide("alerts", "test")
    assert none.code == 2 and "docs/alerts.md" in none.err
    for url in ("s3cret-without-a-scheme", "https://user:s3cret/x@example.com/", "https://[s3cret/"):
        alerting(lab, url)
        bad = neaptide("--verbose", "alerts", "test")
        assert bad.code == 2 and "alerts.urls[0]" in bad.err and "s3cret" not in bad.err, bad.err
    alerting(lab)
    done = neaptide.process("alerts", "test", NEAPTIDE_ALERTS__URLS="http://127.0.0.1:1/abc")
    assert done.code == 1 and "refused" in done.out
