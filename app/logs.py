"""Logs of a process that runs on its own: text on a terminal, one JSON object per line elsewhere.

Every record is a sentence in `event` with a stable `action` to search for, and fields. No record holds a secret.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog

from app import escapes
from app.redaction import Redaction


def setup(
    *,
    verbose: bool = False,
    quiet: bool = False,
    redaction: Redaction | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send records to `stream` (stderr): everything with `verbose`, only warnings and errors with `quiet`.

    What ends a thread unforeseen is a record, too: Python would print its traceback as it is.
    """
    out = stream or sys.stderr
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _cleaning(redaction or Redaction()),
            *_rendering(out),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    # APScheduler tells the same through its events, which the daemon turns into records of its own.
    logging.getLogger("apscheduler").addHandler(logging.NullHandler())
    logging.getLogger("apscheduler").propagate = False
    threading.excepthook = _died


def _died(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and given.exc_type is not SystemExit:
        structlog.get_logger().error("a thread ended by an error", action="thread_died", exc_info=given.exc_value)


def _rendering(out: TextIO) -> list[Any]:
    if out.isatty():
        return [_shown, structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))]
    return [structlog.processors.JSONRenderer(default=str)]


def _shown(_logger: Any, _method: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A table's name in a record must not act on the terminal."""
    return {key: escapes.lines(value) if isinstance(value, str) else value for key, value in record.items()}


def _cleaning(redaction: Redaction) -> Any:
    """The step that takes secrets out of a record, its exception included."""
    return lambda _logger, _method, record: redaction.clean(record)


Log = Callable[..., Any]
