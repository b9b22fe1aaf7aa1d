"""What monitors ask: alive, ready, metrics; and who may ask."""

from __future__ import annotations

import json
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app import config
from jobs.beside.names import Names
from jobs.daemon import monitor
from jobs.job import Job
from jobs.position import clock
from jobs.results import Run, TableRun
from jobs.status.board import LEADING, Board
from jobs.targets.file import freshness
from tests.support.daemons import wait_until

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def job_of(folder: Path, token: str | None = None, port: int = 0, host: str = "127.0.0.1") -> Job:
    """A daemon's job that listens where it is told to, or on a port that the system chooses."""
    settings = config.Settings(
        target={"path": folder / "reporting.duckdb"},
        http={"listen": f"{host}:{port}", "token": token},
        freshness={"warn": timedelta(minutes=1), "fail": timedelta(minutes=10)},
    )
    return Job(settings, "postgresql://nowhere/none")


@contextmanager
def served(job: Job, board: Board, *, alive: bool = True) -> Iterator[int]:
    """A server, and the port it listens on."""
    server = monitor.start(job, board, lambda: alive)
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        monitor.stop(server)


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
    files = Names(folder / "reporting.duckdb")
    (folder / "reporting.a.duckdb").touch()
    files.link.unlink(missing_ok=True)
    files.link.symlink_to("reporting.a.duckdb")
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


def test_a_file_does_not_get_younger_by_a_clock_that_is_set_back(tmp_path: Path) -> None:
    publish(tmp_path, timedelta())
    mark = clock.instant()
    as_of = datetime.now(UTC) + timedelta(hours=1)
    read = {"server": as_of.isoformat(), "boot": mark["boot"], "seconds": mark["seconds"] - 7200}
    freshness.write(Names(tmp_path / "reporting.duckdb"), "1", as_of, read)
    found = monitor.readiness(job_of(tmp_path))
    assert (found["ready"], found["level"]) == (False, "fail")


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
        assert monitor.start(job, Board(), lambda: True) is None
    with served(job, Board()) as port:
        assert ask(port, "/healthz")[0] == 200


def test_slow_clients_take_no_more_than_their_share_and_are_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "_DEADLINE", 1e9)
    job = job_of(tmp_path)
    with served(job, Board(state=LEADING)) as port, ExitStack() as slow:
        before = descriptors()
        clients = [slow.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
        for one in clients:
            one.sendall(b"GET /healthz HT")
        assert ask(port, "/healthz")[0] == 200
        # The clients' own ends are of this process, too.
        wait_until(lambda: descriptors() <= before + len(clients) + monitor._MOST, 30)
        monkeypatch.setattr(monitor, "_DEADLINE", 1.0)
        trickle(clients[-1])
        wait_until(lambda: descriptors() <= before + len(clients), 30)
        assert ask(port, "/healthz")[0] == 200


def trickle(client: socket.socket) -> None:
    """Say a little, again and again, for as long as somebody listens."""
    client.settimeout(0.05)
    until = time.monotonic() + 30
    with suppress(ConnectionError):
        while time.monotonic() < until:
            client.sendall(b"x")
            with suppress(TimeoutError):
                if not client.recv(1):
                    return


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_clients_that_hang_up_leave_no_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_of(tmp_path)
    with served(job, Board(state=LEADING)) as port:
        for request in (b"", b"GET /metr", b"GET /metrics HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00", b"GET\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(request)
        assert ask(port, "/healthz")[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:80", 200),
        ("LocalHost", 200),
        ("[::1]:8321", 200),
        ("rebound.example:8321", 421),
        ("127.0.0.1.example", 421),
        ("example\r\nHost: localhost", 421),
        ("", 421),
    ],
)
def test_on_the_loopback_only_its_own_names_are_answered(tmp_path: Path, host: str, code: int) -> None:
    """A page of anybody's may have a name that was made to mean 127.0.0.1."""
    with served(job_of(tmp_path), Board()) as port:
        assert status(port, f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n") == code
    with served(job_of(tmp_path, token="let-me-in"), Board()) as port:
        given = f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer let-me-in\r\n\r\n"
        assert status(port, given) == 200


def status(port: int, request: str) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request.encode())
        return int(client.makefile("rb").readline().split()[1])


def test_a_port_that_is_taken_is_told_once_and_in_the_status_until_it_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = Board()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for _ in range(3):
            assert monitor.start(job_of(tmp_path, port=port), board, lambda: True) is None
        (problem,) = board.problems.values()
        assert f"127.0.0.1:{port}" in problem
        assert "already in use" in problem
    monitor.stop(monitor.start(job_of(tmp_path, port=port), board, lambda: True))
    assert not board.problems
    assert capsys.readouterr().out.count("already in use") == 1


def test_a_token_that_anybody_on_the_way_can_read_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for host, told in (("127.0.0.1", 0), ("0.0.0.0", 1)):
        monitor.stop(monitor.start(job_of(tmp_path, token="let-me-in", host=host), Board(), bool))
        said = capsys.readouterr().out
        assert said.count("in clear") == told
        assert "let-me-in" not in said


def test_it_listens_on_ipv6_too(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with served(job_of(tmp_path, host="[::1]"), Board()) as port:
        urllib.request.urlopen(f"http://[::1]:{port}/healthz", timeout=60).close()
