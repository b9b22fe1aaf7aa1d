"""An answer that is sent as it comes."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Stream(StreamingResponse):
    """Parts of a result. Its first is asked for at once: what can't be answered is told before anything was sent.

    Whoever hangs up gives back what the parts are made with at once, not when garbage is collected.
    """

    def __init__(self, parts: Generator[bytes, None, None]) -> None:
        self._parts = parts
        super().__init__(iterate_in_threadpool(chain([next(parts, b"")], parts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._parts.close()
