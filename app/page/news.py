"""What open pages are told as it happens: that a run published, or found the file still true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.page.reader import Reader

# How often the small file beside the link is looked at, and how often a quiet stream says that it is alive.
_LOOK, _PULSE = 0.1, 15.0
MOST = 200


class News:
    """Watches the published file for all who listen; nobody listens, nobody looks."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._listeners: set[asyncio.Queue[str]] = set()
        self._watching: asyncio.Task[None] | None = None

    def join(self) -> asyncio.Queue[str] | None:
        """A listener's queue; None where as many listen as can be served."""
        if len(self._listeners) >= MOST:
            return None
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self._listeners.add(queue)
        self._watching = self._watching or asyncio.create_task(self._watch())
        return queue

    def leave(self, queue: asyncio.Queue[str]) -> None:
        """Give the listener's place back."""
        self._listeners.discard(queue)
        if not self._listeners and self._watching:
            self._watching.cancel()
            self._watching = None

    async def events(self, queue: asyncio.Queue[str]) -> AsyncIterator[str]:
        """Events as a browser reads them, until the other side hangs up."""
        yield f"retry: 1000\n{_event('now', self._said())}"
        while True:
            yield await _next(queue)

    async def _watch(self) -> None:
        before = self._said()
        while True:
            await asyncio.sleep(_LOOK)
            now = self._said()
            if now != before:
                kind = "published" if now["version"] != before["version"] else "checked"
                self._send(_event(kind, now))
            before = now

    def _send(self, event: str) -> None:
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(event)

    def _said(self) -> dict[str, Any]:
        run = self._reader.last_run()
        return {"run_id": run.get("run_id"), "as_of": run.get("as_of"), "version": self._reader.name()}


class Listening(StreamingResponse):
    """The answer to a listener, who has a place from the first byte until he is gone: however many ask at once."""

    def __init__(self, news: News) -> None:
        super().__init__((), 200, {"cache-control": "no-store"}, "text/event-stream")
        self._news = news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        queue = self._news.join()
        if queue is None:
            await Response("too many pages listen", 503)(scope, receive, send)
            return
        self.body_iterator = self._news.events(queue)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._news.leave(queue)


async def _next(queue: asyncio.Queue[str]) -> str:
    try:
        return await asyncio.wait_for(queue.get(), _PULSE)
    except TimeoutError:
        return ": still here\n\n"


def _event(kind: str, said: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(said)}\n\n"
