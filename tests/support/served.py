"""The page from outside: a server in this process, asked over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from app import bootstrap
from app.config import Settings
from app.page import command
from tests.support.cli import Cli

HTML = {"Accept": "text/html"}
PAGES = ("/", "/reports", "/reports/sales_monthly", "/tables", "/tables/shop.orders", "/sql", "/runs")
# Elements that have no end.
_VOID = {"meta", "link", "input", "img", "source", "br"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Page:
    """A server at work on a port."""

    port: int

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask; headers as keywords, with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
            answer = connection.getresponse()
            found = {key.lower(): value for key, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def html(self, path: str) -> Answer:
        """Ask as a browser."""
        return self.get(path, **HTML)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(settings: Settings) -> Iterator[Page]:
    """The page of these settings, on a port that the system chooses."""
    server = command.begin(settings, "127.0.0.1:0")
    try:
        yield Page(int(server.server_address[1]))
    finally:
        server.shutdown()
        server.server_close()


class Read(HTMLParser):
    """A page as a browser reads it: elements with attributes, and the texts outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._open += [] if tag in _VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            continue

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & {*self._open}:
            self.texts.append(data.strip())

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def acts(self) -> list[str]:
        """What would run, or be styled, that isn't one of the page's own files."""
        inline = [
            f"{tag} {name}" for tag, found in self.elements for name in found if name[:2] == "on" or name == "style"
        ]
        scripts = [str(one) for one in self.of("script") if one.get("src") != "/static/page.js"]
        styles = [tag for tag, _ in self.elements if tag in ("style", "iframe", "object", "embed", "base")]
        return inline + scripts + styles + [str(one) for one in self.of("a") if "script:" in one.get("href", "")]


def settings_of(project: Cli, **more: object) -> Settings:
    """A project's settings, with these in place of its own."""
    return bootstrap.load_settings(project.folder / "config.toml").model_copy(update=more)


def asked(sql: str, ending: str = "", **more: str) -> str:
    """The address of a statement's answer."""
    return f"/sql{ending}?{urlencode({'q': sql, **more})}"
