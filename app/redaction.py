"""The one place where secrets are taken out of what is shown: messages, chained errors, tracebacks, records.

Known secrets go wherever they stand and however they are escaped. What stands where a secret stands goes even where it
is not known, so a text that comes from a driver is cleaned without any.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from app import maskkey

HIDDEN = "***"
# A shorter one would be found in words it has nothing to do with.
_SHORTEST = 3
# A shorter piece of a URL is a word, or opens nothing.
_TOKEN = 8
_USERINFO = re.compile(r"(://[^\s:/@]*):[^\s@]+@")
_VALUE = r"""('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|[^\s&'",;)]+)"""
_ASSIGNED = re.compile(rf"(password(?:\s*=\s*|['\"]\s*:\s*)){_VALUE}", re.I)
# DuckDB's way to write down a secret.
_LISTED = re.compile(r"(\bpassword\s+)('(?:[^']|'')*')", re.I)
_VARIABLES = (
    "NEAPTIDE_SOURCE__URL", "NEAPTIDE_READ__URL", "NEAPTIDE_TARGET__URL", "NEAPTIDE_SYNC__MASK_KEY",
    "NEAPTIDE_HTTP__TOKEN", "PGPASSWORD", "PGSSLPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
)  # fmt: skip
# The variables of several sources have their names in them.
_SOURCES = ("NEAPTIDE_SOURCES__", "__URL")
# One URL, or a list in JSON, and what is nearly one.
_ALERTS = "NEAPTIDE_ALERTS__URLS"
_URLS = re.compile(r"""[A-Za-z][\w+.-]*://[^\s"']+""")
_LAKE = "ducklake:postgres:"
_MAYBE_URLS = ("url", "broker")


class Redaction:
    """Takes these secrets out. A URL among them stands for the passwords in it, a mask key for its pads, too."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
        self._secrets = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)

    def hides_some_of(self, text: str) -> bool:
        """Whether one of these secrets stands there."""
        return any(secret in text for secret in self._secrets)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _USERINFO.sub(rf"\1:{HIDDEN}@", text)
        return _LISTED.sub(rf"\1{HIDDEN}", _ASSIGNED.sub(rf"\1{HIDDEN}", text))

    def clean(self, value: Any) -> Any:
        """The value without secrets, however deep they lie."""
        if isinstance(value, Mapping):
            return {key: self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        return self.text(value) if isinstance(value, str) else value


def of(settings: BaseModel | None, *more: str) -> Redaction:
    """For all secrets of the settings, of the environment, and `more`: URLs that were resolved or typed."""
    first, last = _SOURCES
    sources = (name for name in os.environ if name.upper().startswith(first) and name.upper().endswith(last))
    named = (os.environ.get(name, "") for name in (*_VARIABLES, *sources))
    alerts = _URLS.findall(os.environ.get(_ALERTS, ""))
    return Redaction([*more, *named, *alerts, *(_of_model(settings) if settings else ())])


def bare(text: str) -> str:
    """The text without what stands where secrets stand."""
    return _PLAIN.text(text)


_PLAIN = Redaction()


def _of_model(model: BaseModel) -> Iterator[str]:
    for name, value in vars(model).items():
        if isinstance(value, SecretStr):
            # Where a URL may stand, `postgres` and `embedded:var/postgres` are no secret, but words of every message.
            if name not in _MAYBE_URLS or "://" in value.get_secret_value() or _LAKE in value.get_secret_value():
                yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _of_model(value)
        elif isinstance(value, list):
            yield from (item.get_secret_value() for item in value if isinstance(item, SecretStr))
            for item in value:
                if isinstance(item, BaseModel):
                    yield from _of_model(item)


def _parts(secret: str) -> Iterator[str]:
    """What must not be shown of it: of a URL the passwords, of anything else all, and what HMAC makes of it."""
    if secret.startswith(_LAKE):
        # A catalog is written as libpq takes it: its password alone is a secret.
        yield from (match[2].strip("'") for match in _ASSIGNED.finditer(secret))
        secret = secret.removeprefix(_LAKE)
        if "://" not in secret:
            return
    if "://" not in secret:
        pads = maskkey.pads(secret)
        yield from (secret, pads, pads[:128], pads[128:])
        return
    try:
        parts = urlsplit(secret)
    except ValueError:
        yield secret
        return
    yield parts.password or ""
    yield from (value for name, value in parse_qsl(parts.query) if "password" in name.lower())
    if not secret.startswith("postgres"):
        yield from _of_service(parts)


def _of_service(parts: SplitResult) -> Iterator[str]:
    """The tokens in the URL of a webhook or a service: who has them may write there."""
    whole = parts.geturl().partition("://")[2] if parts.scheme not in ("http", "https") else ""
    pieces = re.split(r"[/?&=@:#,]", f"{parts.path}?{parts.query}#{parts.fragment}/{whole}")
    yield from (piece for piece in pieces if len(piece) >= _TOKEN)


def _forms(secret: str) -> set[str]:
    """The ways in which it may be written: with and without %-escapes, in the quotes of libpq, SQL, JSON and Python."""
    meant = unquote(secret)
    escaped = meant.replace("\\", "\\\\")
    return {
        secret, meant, quote(meant, safe=""), quote(meant), escaped.replace("'", "\\'"), meant.replace("'", "''"),
        json.dumps(meant)[1:-1], repr(meant)[1:-1],
    }  # fmt: skip
