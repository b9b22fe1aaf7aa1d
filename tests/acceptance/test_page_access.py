"""Who gets an answer of the page over HTTP, and what others are told."""

from __future__ import annotations

import base64
import select
import socket
import time
from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from app import bootstrap, config
from app.page import command, reader, server
from jobs.daemon import monitor
from jobs.status.board import Board
from tests.support.cli import Cli
from tests.support.served import PAGES, Page, asked, served, settings_of


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Host": "rebound.example"}, 421),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}, 200),
    ],
)
def test_nobody_else_s_page_may_ask(page: Page, headers: dict[str, str], code: int) -> None:
    for path in ("/", "/overview.json", "/events", "/healthz", "/static/page.js", asked("SELECT 1", ".csv")):
        if path != "/events" or code != 200:
            assert page.get(path, **headers).code == code, path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_writes(page: Page, method: str) -> None:
    assert [page.get(path, method).code for path in ("/", "/sql", "/reports/sales_monthly")] == [405, 405, 405]


def test_with_a_token_nobody_gets_in_without_it(shown: Cli) -> None:
    with served(settings_of(shown, http=config.Http(listen="127.0.0.1:0", token=SecretStr("let-me-in")))) as page:
        basic = base64.b64encode(b"anybody:let-me-in").decode()
        for path in (*PAGES, "/overview.json", "/events", "/healthz", "/static/page.css"):
            for given in ("", "Bearer let-me", "Basic !", f"Basic {base64.b64encode(b'let-me-in:').decode()}"):
                answer = page.get(path, Authorization=given)
                assert answer.code == 401 and "basic" in answer.headers["www-authenticate"].lower()
        assert page.get("/", Authorization="Bearer let-me-in").code == 200
        assert page.get("/", Authorization=f"Basic {basic}").code == 200


def test_off_the_loopback_it_is_served_with_a_token_or_not_at_all(shown: Cli) -> None:
    done = shown("serve", "--listen", "0.0.0.0:0")
    assert done.code == 2 and "token" in done.err
    assert shown("serve", "--listen", "nowhere").code == 2


def test_a_port_that_is_taken_is_told_in_a_line(shown: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = shown("serve", "--listen", f"127.0.0.1:{other.getsockname()[1]}")
    assert done.code != 0 and "already in use" in done.err and "--listen" in done.err


def test_monitors_are_told_the_same_as_without_the_page(shown: Cli, page: Page) -> None:
    job = bootstrap.job(settings_of(shown, http=config.Http(listen="127.0.0.1:0")), start=False)
    other = monitor.start(job, Board(state="serving"), lambda: True)
    assert other is not None
    plain = Page(other.server_address[1])
    try:
        for path in ("/healthz", "/readyz"):
            one, same = page.get(path), plain.get(path)
            assert (one.code, one.body, one.headers["content-type"]) == (
                same.code,
                same.body,
                same.headers["content-type"],
            )
        names = [
            {line.split("{")[0].split(" ")[0] for line in one.get("/metrics").text.splitlines()}
            for one in (page, plain)
        ]
        assert names[0] == names[1]
    finally:
        monitor.stop(other)


def test_without_its_packages_a_daemon_answers_monitors(shown: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    monkeypatch.delitem(__import__("sys").modules, "app.page.server")
    monkeypatch.delattr("app.page.server")
    job = bootstrap.job(settings_of(shown, http=config.Http(listen="127.0.0.1:0")), start=False)
    made = command.maker()(job, Board(), lambda: True)
    try:
        assert Page(made.server_address[1]).get("/healthz").code == 200
    finally:
        monitor.stop(made)
    done = shown("serve")
    assert done.code == 2 and "neaptide[web]" in done.err


def test_slow_clients_are_let_go_of_and_leave_room_for_others(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_DEADLINE", 0.5)
    monkeypatch.setattr(server, "_MOST", 20)
    with ExitStack() as slow:
        clients = [slow.enter_context(socket.create_connection(("127.0.0.1", page.port))) for _ in range(40)]
        for one in clients:
            one.sendall(b"GET / HT")
        assert page.get("/healthz").code == 200
        for one in clients:
            one.settimeout(20)
            assert ended(one)


@pytest.mark.long
def test_slow_downloads_keep_no_page_waiting_and_end(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a session for as long as it lasts: most of those have to be left to the pages."""
    monkeypatch.setattr(server, "_STALL", 3.0)
    monkeypatch.setattr(reader, "PATIENCE", 0.5)
    path = asked("SELECT i, repeat('x', 1000) FROM range(1000000) AS r(i)", ".csv")
    with ExitStack() as slow:
        clients = [slow.enter_context(_slow(page.port, path)) for _ in range(5)]
        ready, _, _ = select.select(clients, [], [], 20)
        assert ready
        assert page.get(asked("SELECT 42", ".json")).code == 200
        until = time.monotonic() + 60
        while (last := page.get(asked("SELECT 1 AS a", ".csv"))).code == 503 and time.monotonic() < until:
            continue
        assert last.text == "a\n1\n"


def _slow(port: int, path: str) -> socket.socket:
    """Asks, and takes nothing of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(30)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client


def ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
