"""Values with a spelling of their own: durations and URLs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
EMBEDDED = "embedded:"


def duration(value: Any) -> Any:
    """`"10s"`, `"1m30s"`, `"250ms"`, `"2h"`, `"7d"` to a timedelta; anything else is refused."""
    if isinstance(value, timedelta):
        return value
    text = str(value).replace(" ", "")
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"{value!r} is not a duration: write it like 250ms, 10s, 1m30s, 2h or 7d")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def check_url(url: str) -> None:
    """Raise `ValueError`, never showing a password, unless `url` is `embedded:PATH` or a PostgreSQL URL."""
    if url.startswith(EMBEDDED):
        if not url.removeprefix(EMBEDDED):
            raise ValueError("the url names no folder: write it like embedded:var/postgres")
        return
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it is the check
    except ValueError as error:
        raise ValueError(f"the url is malformed: {_without_values(error)}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("the url must begin with postgresql:// or embedded:")
    if not parts.netloc and not parts.query:
        raise ValueError("the url names no server: write it like postgresql://user@host:5432/database")


def _without_values(error: ValueError) -> str:
    """urlsplit quotes the port it can't read, which may be a piece of a password with a slash or an @ in it."""
    return "the port is not a number; a password needs %-escapes for / @ : # ?" if "ort" in str(error) else "bad host"


Duration = Annotated[timedelta, BeforeValidator(duration)]
