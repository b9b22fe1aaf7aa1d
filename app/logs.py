"""Logs of a process that runs on its own: text on a terminal, one JSON object per line elsewhere.

Every record is a sentence in `event` with a stable `action` to search for, and fields. No record holds a password.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

import structlog

_USERINFO = re.compile(r"(://[^\s:/@]*):[^\s@]+@")
_PASSWORD_KEY = re.compile(r"(password=)('[^']*'|[^\s&'\"]+)", re.I)
_SHORTEST_SECRET = 3
Record = MutableMapping[str, Any]


def setup(
    *, verbose: bool = False, quiet: bool = False, urls: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send records to `stream` (stderr): everything with `verbose`, only warnings and errors with `quiet`."""
    out = stream or sys.stderr
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Redaction(urls),
            _renderer(out),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    # APScheduler tells the same through its events, which the daemon turns into records of its own.
    logging.getLogger("apscheduler").addHandler(logging.NullHandler())
    logging.getLogger("apscheduler").propagate = False


def _renderer(out: TextIO) -> Any:
    if out.isatty():
        return structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))
    return structlog.processors.JSONRenderer(default=str)


class Redaction:
    """Takes passwords out of every text of a record, however deep it lies."""

    def __init__(self, urls: Iterable[str]) -> None:
        found = {secret for url in urls for secret in _passwords(url)} | {os.environ.get("PGPASSWORD", "")}
        self._secrets = sorted((one for one in found if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, record: Record) -> Record:
        return {key: self.clean(value) for key, value in record.items()}

    def clean(self, value: Any) -> Any:
        """The value without secrets."""
        if isinstance(value, dict):
            return {key: self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _PASSWORD_KEY.sub(r"\1***", _USERINFO.sub(r"\1:***@", text))


def _passwords(url: str) -> list[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return []
    return [password, unquote(password)]


Log = Callable[..., Any]
