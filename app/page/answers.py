"""Answers: HTML or JSON of the same data, with what a cache needs to know, and errors that say what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app import errors, redaction
from app.config import Settings
from app.face import values
from app.page import looks
from app.page.reader import Reader

_CODES: tuple[tuple[type[errors.NeaptideError], int], ...] = (
    (errors.UnknownReport, 404),
    (errors.MissingTable, 404),
    (errors.QueryTooBig, 413),
    (errors.QueryFailed, 400),
    (errors.UsageError, 400),
    (errors.BadReport, 422),
    (errors.Retryable, 503),
    (errors.NoReportingFile, 503),
    (errors.TargetUnusable, 503),
)
_NO_PAGE = "there is no such page"


def wants_json(request: Request) -> bool:
    """Whether a program asks: by the ending, or by what it accepts."""
    return request.url.path.endswith(".json") or "text/html" not in request.headers.get("accept", "text/html")


def etag(reader: Reader, request: Request, *more: object) -> str:
    """Another one for each run and each question. `more` is what an answer depends on besides."""
    said = (str(reader.version()), request.url.path, request.url.query, *map(str, more))
    return f'W/"{hashlib.blake2b(repr(said).encode(), digest_size=12).hexdigest()}"'


def fresh(request: Request, tag: str) -> Response | None:
    """304 where the one who asks has it already."""
    given = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=_headers(tag)) if tag in given else None


def _headers(tag: str) -> dict[str, str]:
    return {"etag": tag, "cache-control": "private, no-cache"} if tag else {"cache-control": "no-store"}


def tagged(request: Request, reader: Reader, data: Mapping[str, Any], *more: object) -> Response:
    """The JSON of a page, with its tag by run; nothing where the one who asks has it already."""
    tag = etag(reader, request, reader.last_run().get("as_of"), *more)
    return fresh(request, tag) or as_json(data, tag)


def as_json(data: Mapping[str, Any], tag: str = "", code: int = 200) -> Response:
    """One object; decimals are numbers with exactly their digits."""
    return Response(values.as_json(data) + "\n", code, _headers(tag), "application/json")


def as_html(template: str, tag: str = "", code: int = 200, **data: Any) -> HTMLResponse:
    """One page."""
    return HTMLResponse(looks.page(template, **data), code, _headers(tag))


def code_of(error: errors.NeaptideError) -> int:
    """The status of HTTP that says the same."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 500)


def address(path: str, given: Mapping[str, Any], **changed: Any) -> str:
    """A path with what was asked for, and something else asked for; None leaves a key out."""
    parameters = {**given, **changed}
    query = urlencode([(key, value) for key, value in parameters.items() if value not in (None, "")])
    return f"{path}?{query}" if query else path


class Failures:
    """What is answered where something went wrong; told without what is secret."""

    def __init__(self, settings: Settings, head: Callable[[Request, str], dict[str, Any]]) -> None:
        self._hide = redaction.of(settings).text
        self._head = head

    async def expected(self, request: Request, error: Exception) -> Response:
        """One of ours."""
        assert isinstance(error, errors.NeaptideError)
        return self._refusal(request, code_of(error), error.message, error.hint)

    async def unknown(self, request: Request, error: Exception) -> Response:
        """A page that there isn't, and what else the framework refuses."""
        code = getattr(error, "status_code", 404)
        return self._refusal(request, code, _NO_PAGE if code == 404 else "this can't be answered", None)

    async def bug(self, request: Request, error: Exception) -> Response:
        """What nobody expected is a record; the one who asked learns no more than that."""
        structlog.get_logger().error(
            f"a page failed: {type(error).__name__}", action="page_failed", path=request.url.path, exc_info=error
        )
        return self._refusal(
            request, 500, "something went wrong here", "see the log of the process that serves this page"
        )

    def _refusal(self, request: Request, code: int, message: str, hint: str | None) -> Response:
        content = {"error": self._hide(message), "hint": self._hide(hint) if hint else None}
        if wants_json(request):
            return as_json(content, code=code)
        return as_html("error.html", code=code, **{**self._head(request, ""), **content})
