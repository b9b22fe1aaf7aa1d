"""What monitors ask: alive, ready, metrics; and who may ask."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app import config
from jobs import freshness, http
from jobs.files import Files
from jobs.health import LEADING, Board
from jobs.job import Job
from jobs.results import Run, TableRun

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def job_of(folder: Path, token: str | None = None, port: int = 0) -> Job:
    """A daemon's job that listens where it is told to, or on a port that the system chooses."""
    settings = config.Settings(
        target={"path": folder / "reporting.duckdb"},
        http={"listen": f"127.0.0.1:{port}", "token": token},
        freshness={"warn": timedelta(minutes=1), "fail": timedelta(minutes=10)},
    )
    return Job(settings, "postgresql://nowhere/none")


@contextmanager
def served(job: Job, board: Board, *, alive: bool = True) -> Iterator[int]:
    """A server, and the port it listens on."""
    server = http.start(job, board, lambda: alive)
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        http.stop(server)


def ask(port: int, path: str, token: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def publish(folder: Path, age: timedelta) -> None:
    files = Files(folder / "reporting.duckdb")
    files.a.touch()
    files.link.unlink(missing_ok=True)
    files.link.symlink_to(files.a.name)
    freshness.write(files, "1", datetime.now(UTC) - age, {})


def test_health_says_whether_the_daemon_works(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    with served(job, Board(state=LEADING)) as port:
        assert ask(port, "/healthz") == (200, json.dumps({"alive": True, "state": "leading"}))
    with served(job, Board(), alive=False) as port:
        assert ask(port, "/healthz")[0] == 503


def test_ready_is_a_file_that_is_not_too_old(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    with served(job, Board()) as port:
        assert ask(port, "/readyz")[0] == 503
        for age, code, level in ((0, 200, "ok"), (2, 200, "warn"), (11, 503, "fail")):
            publish(tmp_path, timedelta(minutes=age))
            found = ask(port, "/readyz")
            assert (found[0], json.loads(found[1])["level"]) == (code, level)


def test_metrics_are_in_prometheus_s_format_with_its_conventions(tmp_path: Path) -> None:
    job, board = job_of(tmp_path), Board(state=LEADING)
    publish(tmp_path, timedelta(seconds=5))
    tables = (TableRun("shop.orders", "delta", rows_in=3, rows_out=1),)
    board.succeeded(Run("1", "sync", NOW, NOW, NOW, "", True, tables, {"apply": 0.25}), 0.5, NOW)
    with served(job, board) as port:
        text = ask(port, "/metrics")[1]
    found = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {(s.name, tuple(sorted(s.labels.items()))): s.value for f in found.values() for s in f.samples}
    assert samples["neaptide_runs_total", (("result", "changed"),)] == 1
    assert samples["neaptide_rows_total", (("direction", "in"), ("table", "shop.orders"))] == 3
    assert samples["neaptide_run_phase_duration_seconds_sum", (("phase", "apply"),)] == 0.25
    assert samples["neaptide_run_duration_seconds_sum", ()] == 0.5
    assert 5 <= samples["neaptide_lag_seconds", ()] < 3600
    assert samples["neaptide_last_success_timestamp_seconds", ()] == NOW.timestamp()
    assert samples["neaptide_state", (("state", "leading"),)] == 1
    for name, family in found.items():
        assert family.documentation
        assert name.startswith(("neaptide_", "process_"))
        if family.type == "gauge" and name.startswith("neaptide_"):
            assert not name.endswith("_total")


def test_with_a_token_nobody_gets_in_without_it(tmp_path: Path) -> None:
    job = job_of(tmp_path, token="let-me-in")
    with served(job, Board()) as port:
        assert [ask(port, "/healthz", token)[0] for token in (None, "let-me", "let-me-in")] == [401, 401, 200]
        assert ask(port, "/", "let-me-in")[0] == 404


def test_off_the_loopback_a_token_is_needed() -> None:
    for listen in ("0.0.0.0:8321", "192.0.2.1:8321", ":8321", "example.org:8321", "[::]:8321"):
        with pytest.raises(ValueError, match="token"):
            config.Http(listen=listen)
        assert config.Http(listen=listen, token=SecretStr("x")).address[1] == 8321
    for listen in ("127.0.0.1:8321", "localhost:1", "[::1]:8321"):
        config.Http(listen=listen)
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8321"):
        config.Http(listen="8321")


def test_an_address_that_is_taken_is_tried_again_later(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        job = job_of(tmp_path, port=other.getsockname()[1])
        assert http.start(job, Board(), lambda: True) is None
    with served(job, Board()) as port:
        assert ask(port, "/healthz")[0] == 200
