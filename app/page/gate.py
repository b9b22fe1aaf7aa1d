"""Who may ask the page, and what a browser may do with its answers. Around everything that is answered."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from jobs.daemon.monitor import Door

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# No script and no style but the page's own files, nothing from elsewhere, and nobody may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"vary", b"Accept, Authorization, Sec-Fetch-Site"),
)
# The stream of events has no end; all else is over in this many seconds, however slow the one is who reads it.
ENDLESS = "/events"


class Gate:
    """Refuses by Host, method, origin and token, in this order, and bounds how long an answer takes."""

    def __init__(self, app: App, door: Door, seconds: float) -> None:
        self._app, self._door, self._seconds = app, door, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _Guarded(send)
        refused = self._refusal(scope)
        if refused is not None:
            await _refuse(guarded, *refused)
            return
        try:
            async with asyncio.timeout(None if scope["path"] == ENDLESS else self._seconds):
                await self._app(scope, receive, guarded)
        except TimeoutError:
            if not guarded.begun:
                await _refuse(guarded, 503, "this took too long")

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = _headers(scope)
        hosts = headers.get("host", [])
        if not all(map(self._door.knows, hosts)):
            return 421, "this server has another name: see Host"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "nothing is written here: ask with GET"
        if not _same_origin(headers, hosts):
            return 403, "another site's page may not ask"
        if not self._door.allows(_authorization(headers)):
            return 401, "give the token as Authorization: Bearer …, or as the password"
        return None


class _Guarded:
    """Sends answers with the headers that each has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] = [*message.get("headers", []), *_ALWAYS]
        await self._send(message)


def _headers(scope: Scope) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers


def _same_origin(headers: dict[str, list[str]], hosts: list[str]) -> bool:
    """A link from elsewhere may be followed; a page from elsewhere may not ask, neither for data nor for a picture."""
    for origin in headers.get("origin", []):
        if urlsplit(origin).netloc.lower() not in [host.lower() for host in hosts]:
            return False
    site, mode = headers.get("sec-fetch-site", ["none"])[0], headers.get("sec-fetch-mode", [""])[0]
    alone = headers.get("sec-fetch-dest", [""])[0] == "document"
    return site in ("none", "same-origin") or (mode == "navigate" and alone)


def _authorization(headers: dict[str, list[str]]) -> str:
    """What was given; a browser gives the token as a password, whatever the name."""
    given = headers.get("authorization", [""])[0]
    kind, _, rest = given.partition(" ")
    if kind.lower() != "basic":
        return given
    try:
        return "Bearer " + base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _refuse(send: _Guarded, code: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if code == 401:
        headers.append((b"www-authenticate", b'Basic realm="neaptide", charset="UTF-8"'))
    if code == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
