"""The pages by their addresses, behind their gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app import errors
from app.page import gate, overview, query, reports, runs, site, tables
from app.page.answers import Failures
from app.page.news import Listening
from jobs.daemon.monitor import PATHS, Door

# Answers that are worked out at a time; the rest wait.
_THREADS = 16


def app(of: site.Site, door: Door, seconds: float) -> gate.App:
    """The whole of it, behind its gate; no answer takes longer than so many seconds."""
    failures = Failures(of.settings, of.head)
    routes = [
        *(Route(path, _monitor) for path in PATHS),
        Route("/events", _events),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        *overview.ROUTES, *reports.ROUTES, *tables.ROUTES, *query.ROUTES, *runs.ROUTES,
    ]  # fmt: skip
    handlers: dict[Any, Any] = {
        errors.NeaptideError: failures.expected,
        HTTPException: failures.unknown,
        Exception: failures.bug,
    }
    starlette = Starlette(routes=routes, exception_handlers=handlers, lifespan=_lifespan)
    starlette.state.site = of
    return gate.Gate(starlette, door, seconds)


@asynccontextmanager
async def _lifespan(starlette: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    watching = asyncio.create_task(starlette.state.site.lag.forever())
    yield
    watching.cancel()


def _monitor(request: Request) -> Response:
    answer = site.of(request).answers.of(request.url.path)
    return Response(answer.text, answer.code, {"content-type": answer.kind, "cache-control": "no-store"})


async def _events(request: Request) -> Response:
    return Listening(site.of(request).news)
